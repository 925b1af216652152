package main

import "syscall"

// childAttr: its own process group, so that a Ctrl-C in the terminal reaches us alone and the program ends when we end it; and a SIGTERM when we die.
func childAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
