//go:build !linux

package main

import "syscall"

// childAttr: as on Linux, without the parent-death signal, which other kernels do not have.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
