package ingest_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/natsserver"
)

// begin opens a connection and writes the beginning of a request.
func begin(t *testing.T, x *target, text string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", x.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	return c
}

const halfRequest = "POST /webhooks/clerk HTTP/1.1\r\nHost: x\r\nSvix-Id: msg_1\r\nSvix-Timestamp: 1\r\nSvix-Signature: v1,x\r\nContent-Length: 100\r\n\r\nhalf"

func TestASlowHeaderIsCutOff(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	x := ready(t, config(server.URL(), func(c *ingest.Config) { c.Limits.HeaderTime = 150 * time.Millisecond }))
	c := begin(t, x, "POST /webhooks/clerk HTTP/1.1\r\nHost: x\r\nSvix-Id:")
	expectWithin(t, 5*time.Second, func() {
		if _, err := io.ReadAll(c); err != nil {
			t.Errorf("not closed: %v", err)
		}
	})
}

func TestASlowBodyIsCutOff(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	x := ready(t, config(server.URL(), func(c *ingest.Config) { c.Limits.RequestTime = 150 * time.Millisecond }))
	c := begin(t, x, halfRequest)
	expectWithin(t, 5*time.Second, func() {
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		expect(t, "half a body", readReply(t, r), 408, "body_timeout")
		if !r.Close {
			t.Error("the connection stays open")
		}
	})
}

func TestAnIdleConnectionIsClosed(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	x := ready(t, config(server.URL(), func(c *ingest.Config) { c.Limits.IdleTime = 150 * time.Millisecond }))
	c := begin(t, x, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
	expectWithin(t, 5*time.Second, func() {
		if all, err := io.ReadAll(c); err != nil || !strings.Contains(string(all), "200 OK") {
			t.Errorf("read %q, %v", all, err)
		}
	})
}

// A client that hangs up in the middle of its body is no failure of ours: counted apart from the 5xx, and no panic, no warning.
func TestAClientThatHangsUp(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	x := ready(t, config(server.URL()))
	begin(t, x, halfRequest).Close()
	await(t, "the count", func() bool {
		return x.metric(t, `deliveries_total{instance="default",outcome="client_gone"}`) == "1"
	})
	if log := x.log.String(); strings.Contains(log, `"level":"WARN"`) || strings.Contains(log, `"level":"ERROR"`) {
		t.Errorf("log:\n%s", log)
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	x := ready(t, config(server.URL(), func(c *ingest.Config) { c.Limits.Connections = 2 }))
	const get = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	var open []net.Conn
	for range 2 {
		c := begin(t, x, get)
		if _, err := bufio.NewReader(c).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
	}
	third := begin(t, x, get)
	if err := third.SetReadDeadline(time.Now().Add(150 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(third).ReadString('\n'); err == nil {
		t.Errorf("the third connection is answered: %q", line)
	}
	open[0].Close()
	if err := third.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(third).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Errorf("the third connection after the first closed: %q, %v", line, err)
	}
}

// Bodies come in pieces, without a length, and larger than what is kept in the pool.
func TestBodiesOfEveryTransferAndSize(t *testing.T) {
	t.Parallel()
	server := startBroker(t, natsserver.Options{}, "default")
	js := operator(t, server.URL())
	x := ready(t, config(server.URL()))
	const limit = 1 << 20
	for i, size := range []int{0, 1, 4 << 10, 4<<10 - 1, 64 << 10, 64<<10 + 1, limit} {
		for _, chunked := range []bool{false, true} {
			body := []byte(strings.Repeat("x", size))
			r := x.request(t, delivery{id: fmt.Sprintf("msg_%d_%v", i, chunked), body: body})
			if chunked {
				r.ContentLength, r.Body, r.GetBody = -1, io.NopCloser(io.MultiReader(strings.NewReader(string(body[:size/2])), strings.NewReader(string(body[size/2:])))), nil
			}
			got, err := x.client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			expect(t, fmt.Sprintf("%d bytes, chunked %v", size, chunked), readReply(t, got), 204, "")
			all := messages(t, js, "default")
			if stored := all[len(all)-1].Data; string(stored) != string(body) {
				t.Errorf("%d bytes, chunked %v: stored %d bytes that differ", size, chunked, len(stored))
			}
		}
	}
	over := x.request(t, delivery{id: "msg_over", body: []byte(strings.Repeat("x", limit+1))})
	over.ContentLength = -1
	got, err := x.client.Do(over)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "one too many, chunked", readReply(t, got), 413, "body_too_large")
	if n := x.metric(t, `deliveries_total{instance="default",outcome="body_too_large"}`); n != "1" {
		t.Errorf("too large counted %s times", n)
	}
}
