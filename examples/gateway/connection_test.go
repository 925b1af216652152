package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// A browser can put the token of a WebSocket only among the protocols that it offers.
func TestAWebSocketPassesThroughAndItsTokenDoesNot(t *testing.T) {
	t.Parallel()
	b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Sec-WebSocket-Protocol") != "chat" || r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = conn.Write([]byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\n\r\n"))
		_, _ = io.Copy(conn, buffered)
	})
	conn, err := net.Dial("tcp", b.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, err = io.WriteString(conn, "GET /orders/live HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat, bearer."+b.token(t, clerksim.TokenSpec{})+"\r\n\r\n")
	if err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(conn)
	answer, err := http.ReadResponse(reader, nil)
	if err != nil || answer.StatusCode != http.StatusSwitchingProtocols || answer.Header.Get("Sec-WebSocket-Protocol") != "chat" {
		t.Fatalf("%+v %v", answer, err)
	}
	_, _ = io.WriteString(conn, "over and back\n")
	if line, err := reader.ReadString('\n'); line != "over and back\n" {
		t.Errorf("%q came back: %v", line, err)
	}
}

// Behind an upgrade the gateway reads nothing any more. To HTTP/2 without TLS it would be a way for requests that nobody verified.
func TestNothingButAWebSocketIsUpgraded(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"h2c", "H2C", "TLS/1.0", "websocket, h2c", "websocket-h2c"} {
		b := newBed(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Upgrade") == "" {
				return
			}
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: "+r.Header.Get("Upgrade")+"\r\nConnection: Upgrade\r\n\r\n")
		})
		header := bearer(b.token(t, clerksim.TokenSpec{}))
		header["Connection"], header["Upgrade"], header["Http2-Settings"] = []string{"Upgrade, HTTP2-Settings"}, []string{protocol}, []string{"AAMAAABkAAQAAP__"}
		if answer := b.get(t, "/orders", header); answer.StatusCode != http.StatusOK {
			t.Errorf("an upgrade to %s is answered %s", protocol, answer.Status)
		}
	}
}

func TestAnInterruptLetsARequestFinish(t *testing.T) {
	t.Parallel()
	begun, finish := make(chan struct{}), make(chan struct{})
	b := newBed(t, func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-finish
		_, _ = io.WriteString(w, "done")
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.gateway.serve(ctx, listener, 10*time.Second) }()
	body := make(chan string, 1)
	request, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/orders", nil)
	request.Header = bearer(b.token(t, clerksim.TokenSpec{}))
	go func() {
		answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
		if err != nil {
			body <- err.Error()
			return
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		body <- string(text)
	}()
	<-begun
	interrupt()
	eventually(t, func() bool { // it takes no more
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	close(finish)
	if got := <-body; got != "done" {
		t.Errorf("the request in hand was answered %q", got)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
