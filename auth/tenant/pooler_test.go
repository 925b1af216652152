package tenant_test

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// pooler is a transaction pooler with one server connection, as pgbouncer's pool_mode=transaction with default_pool_size=1: many clients speak to it, and
// whoever begins a transaction has the connection until Postgres says that no transaction is open. It knows nothing of prepared statements.
type pooler struct {
	addr string

	turn   sync.Mutex // held by the client whose transaction it is; guards server
	server *pgproto3.Frontend
}

func startPooler(t *testing.T, url string) *pooler {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	hijacked, err := conn.Hijack()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", filepath.Join(t.TempDir(), ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	p := &pooler{addr: filepath.Dir(listener.Addr().String()), server: hijacked.Frontend}
	var clients sync.WaitGroup
	clients.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			clients.Go(func() {
				defer func() { _ = client.Close() }()
				if err := p.serve(client); err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) {
					t.Errorf("pooler: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		clients.Wait()
		_ = hijacked.Conn.Close()
	})
	return p
}

func (p *pooler) serve(conn net.Conn) error {
	client := pgproto3.NewBackend(conn, conn)
	if _, err := client.ReceiveStartupMessage(); err != nil {
		return err
	}
	client.Send(&pgproto3.AuthenticationOk{})
	client.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	client.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	client.Send(&pgproto3.BackendKeyData{SecretKey: make([]byte, 4)})
	client.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := client.Flush(); err != nil {
		return err
	}
	for {
		first, err := client.Receive()
		if err != nil {
			return err
		}
		if _, leaves := first.(*pgproto3.Terminate); leaves {
			return nil
		}
		if err := p.transaction(client, first); err != nil {
			return err
		}
	}
}

// transaction lends the server connection to one client until the transaction that its first message begins is over.
func (p *pooler) transaction(client *pgproto3.Backend, message pgproto3.FrontendMessage) (err error) {
	p.turn.Lock()
	defer p.turn.Unlock()
	for {
		p.server.Send(message)
		switch message.(type) {
		case *pgproto3.Query, *pgproto3.Sync:
			status, err := p.answer(client)
			if err != nil || status == 'I' {
				return err
			}
		}
		if message, err = client.Receive(); err != nil {
			return err
		}
	}
}

func (p *pooler) answer(client *pgproto3.Backend) (status byte, err error) {
	if err := p.server.Flush(); err != nil {
		return 0, err
	}
	for {
		message, err := p.server.Receive()
		if err != nil {
			return 0, err
		}
		client.Send(message)
		if ready, done := message.(*pgproto3.ReadyForQuery); done {
			return ready.TxStatus, client.Flush()
		}
	}
}

// connect opens a client's connection to the pooler.
func (p *pooler) connect(t *testing.T, mode pgx.QueryExecMode) *pgx.Conn {
	t.Helper()
	config, err := pgx.ParseConfig("host=" + p.addr + " port=5432 user=anybody database=any sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.DefaultQueryExecMode = mode
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
