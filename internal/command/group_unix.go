//go:build unix

package command

import (
	"os/exec"
	"syscall"
)

// killGroup makes cmd the leader of a process group of its own, all of which
// dies when the context of cmd is done.
func killGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
