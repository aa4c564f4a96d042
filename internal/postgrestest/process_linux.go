package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// attributes make a process that of a user, and end it with the thread that starts it.
func attributes(uid, gid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGQUIT}
	if uid != os.Geteuid() {
		a.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	}
	return a
}

// kill kills a server. Its processes are in sessions of their own, so there is no
// group to send the signal to; a server that is stopped starts no more of them.
func kill(server *os.Process) error {
	if err := server.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	deadline := time.Now().Add(patience)
	for state, _ := stat(server.Pid); state != "T"; state, _ = stat(server.Pid) {
		if time.Now().After(deadline) {
			return fmt.Errorf("postgres does not stop: it is in state %q", state)
		}
		time.Sleep(time.Millisecond)
	}
	var pids []int
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if _, parent := stat(pid); err == nil && parent == server.Pid {
			pids = append(pids, pid)
		}
	}
	if len(pids) == 0 {
		return errors.New("postgres has no processes")
	}
	for _, pid := range append(pids, server.Pid) {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	for _, pid := range pids {
		for state, _ := stat(pid); state != "" && state != "Z" && state != "X"; state, _ = stat(pid) {
			if time.Now().After(deadline) {
				return fmt.Errorf("a process of postgres does not end: it is in state %q", state)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// stat returns the state of a process and its parent, or nothing if there is none.
func stat(pid int) (state string, parent int) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	// The second field is the name, in parentheses.
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 2 {
		return "", 0
	}
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}
