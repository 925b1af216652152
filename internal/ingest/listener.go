package ingest

import (
	"net"
	"sync"
)

// limitListener lets at most as many connections be open as its channel holds. Accept waits for a place; meanwhile new connections wait
// in the kernel's backlog, where they cost no memory of ours.
type limitListener struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newLimitListener(l net.Listener, connections int) *limitListener {
	return &limitListener{Listener: l, places: make(chan struct{}, connections), closed: make(chan struct{})}
}

func (l *limitListener) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &limitConn{Conn: c, places: l.places}, nil
}

func (l *limitListener) Close() error {
	err := l.Listener.Close()
	l.once.Do(func() { close(l.closed) })
	return err
}

// limitConn gives its place back when it is closed the first time.
type limitConn struct {
	net.Conn
	places chan struct{}
	once   sync.Once
}

func (c *limitConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.places })
	return err
}
