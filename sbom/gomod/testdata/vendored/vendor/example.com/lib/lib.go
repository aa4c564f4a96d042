// Package lib is a module for tests, with a line that it does not have.
package lib
