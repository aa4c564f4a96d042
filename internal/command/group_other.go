//go:build !unix

package command

import "os/exec"

// killGroup leaves cmd as it is: when its context is done, it alone dies.
func killGroup(*exec.Cmd) {}
