package architectures

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/internal/demo"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/internal/testkit/syncbuffer"
)

// bed is the stack with a gateway and the service orders in front of it. Neither the gateway's denylist nor anything else stands between the two, so
// what orders refuses, orders refuses.
type bed struct {
	*demo.Stack
	dir             string             // programs and keys
	issuer          string             // address of the first gateway, whose name all its replicas have
	key             ed25519.PrivateKey // the gateways'
	gateway, orders *program
	log             syncbuffer.Buffer // of all programs
}

func newBed(ctx context.Context, s *demo.Stack) (b *bed, err error) {
	b = &bed{Stack: s}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err := s.Found(ctx); err != nil {
		return nil, err
	}
	if err := s.Clerk().DefineRole("org:admin", "org:orders:manage"); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp("", "clerkstream-architectures-"); err != nil {
		return nil, err
	}
	if err := b.writeKeys(); err != nil {
		return nil, err
	}
	// With the settings of go test, which so finds most packages compiled.
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", b.dir+"/", "../gateway", "../orders")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	b.issuer = freeAddress()
	b.gateway, b.orders = b.program("gateway", b.issuer), b.program("orders", freeAddress())
	if err := b.orders.start(ctx, "READER_DATABASE_URL="+s.ReaderURL(), "OWNER_DATABASE_URL="+s.OwnerURL()); err != nil {
		return nil, err
	}
	if err := b.gateway.start(ctx, "ORDERS_URL="+b.orders.url); err != nil {
		return nil, err
	}
	return b, b.joined(ctx)
}

// joined waits until orders reads the stream: a group that is new begins with what comes from then on.
func (b *bed) joined(ctx context.Context) error {
	return poll(ctx, func() error {
		_, err := b.Stream.Consumer(ctx, "orders")
		return err
	})
}

// writeKeys makes the key that all replicas of the gateway share.
func (b *bed) writeKeys() (err error) {
	if _, b.key, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(b.key)
	if err != nil {
		return err
	}
	return os.WriteFile(b.keysFile(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600)
}

func (b *bed) keysFile() string { return filepath.Join(b.dir, "keys.pem") }

func (b *bed) close() {
	for _, p := range []*program{b.gateway, b.orders} {
		if p != nil {
			_ = p.stop()
		}
	}
	_ = os.RemoveAll(b.dir)
	client.CloseIdleConnections()
}

// program is one of the examples, not started yet.
func (b *bed) program(name, address string) *program {
	return &program{name: name, path: filepath.Join(b.dir, name), url: "http://" + address, log: &b.log, environment: append(os.Environ(),
		"LISTEN_ADDR="+address, "CLERK_INSTANCE="+b.Instance(), "CLERK_ISSUER="+b.Clerk().Issuer(), "CLERK_JWKS_URL="+b.SimURL()+"/.well-known/jwks.json",
		"CLERK_AUTHORIZED_PARTIES="+b.Clerk().AuthorizedParty(), "NATS_URL="+b.NATSURL(), "DATABASE_URL="+b.TenantURL(), "GATEWAY_KEYS_FILE="+b.keysFile(),
		"GATEWAY_URL=http://"+b.issuer, "RATE=1000", "BURST=1000", "ACK_WAIT=2s",
	)}
}

// beside starts another copy of a program for one test, and returns where it is.
func (b *bed) beside(t *testing.T, name string, environment ...string) (url string) {
	t.Helper()
	p := b.program(name, freeAddress())
	if err := p.start(t.Context(), environment...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(); err != nil {
			t.Error(err)
		}
	})
	return p.url
}

// superuser sees every row.
func (b *bed) superuser(t *testing.T) *pgx.Conn {
	t.Helper()
	return testkit.Connect(t, b.DatabaseURL())
}

// freeAddress is one that nobody else takes before its owner does, or while it is dead: below the ports that the kernel deals out.
func freeAddress() string {
	for {
		address := fmt.Sprintf("127.0.0.1:%d", 10_000+mathrand.IntN(20_000))
		if l, err := net.Listen("tcp", address); err == nil {
			_ = l.Close()
			return address
		}
	}
}

// client is everybody's browser.
var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32}}

// patience is for a machine that is busy.
const patience = time.Minute

func poll(ctx context.Context, check func() error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		case <-tick.C:
		}
	}
}
