//go:build !linux

package architectures

import "syscall"

func childAttr() *syscall.SysProcAttr { return nil }
