// Package lib is a module for tests.
package lib
