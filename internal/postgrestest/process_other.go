//go:build !linux

package postgrestest

import (
	"errors"
	"os"
	"syscall"
)

func attributes(uid, gid int) *syscall.SysProcAttr { return nil }

func kill(*os.Process) error { return errors.ErrUnsupported }
