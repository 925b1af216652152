package directory_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/auth/tenant"
	"github.com/clerkstream/clerkstream/directory"
)

// A service makes one directory and keeps it running. Lookups come out of memory until the projector says that something changed.
func Example() {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	pool, err := pgxpool.New(ctx, os.Getenv("READER_DATABASE_URL")) // a member of clerkstream_reader
	if err != nil {
		log.Print(err)
		return
	}
	defer pool.Close()
	who, err := directory.New(directory.Config{Pool: pool, ListenURL: os.Getenv("READER_DATABASE_URL"), Log: slog.Default()})
	if err != nil {
		log.Print(err)
		return
	}
	done := make(chan error, 1)
	go func() { done <- who.Run(ctx) }()

	switch user, err := who.User(ctx, "user_2b…"); {
	case errors.Is(err, directory.ErrNotFound):
		fmt.Println("not here, or not yet: see WaitFor")
	case err != nil:
		log.Print(err)
	default:
		fmt.Println(user.FirstName, user.PrimaryEmail, user.Banned)
	}
	stop()
	if err := <-done; err != nil {
		log.Print(err)
	}
}

// An address is no key. Anybody can list one at Clerk; only a verified one says whose it is.
func ExampleDirectory_UsersByEmail() {
	who := open()
	holders, err := who.UsersByEmail(context.Background(), "ada@birchwood.example")
	if err != nil {
		log.Print(err)
		return
	}
	for _, h := range holders {
		if h.Verified {
			fmt.Println("belongs to", h.User.ID)
		}
	}
}

// Read your own write: what the Backend API answered tells updated_at, and the read model shows that state or a later one when WaitFor returns.
func ExampleDirectory_WaitFor() {
	who := open()
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second) // a webhook takes its time, and may take more
	defer stop()
	updatedAt := time.UnixMilli(1788429600000) // updated_at of the answer of PATCH /v1/users/{id}
	if err := who.WaitFor(ctx, directory.KindUsers, "user_2b…", updatedAt); err != nil {
		log.Print("answer without it: ", err)
	}
}

// Whoever types an address at sign-in is sent to the identity provider of its domain, if there is one.
func ExampleDirectory_EnterpriseConnectionForEmail() {
	who := open()
	connection, err := who.EnterpriseConnectionForEmail(context.Background(), "ada@birchwood.example")
	switch {
	case errors.Is(err, directory.ErrNotFound):
		fmt.Println("password, or whatever else the instance offers")
	case err != nil:
		log.Print(err)
	default:
		fmt.Println("sign in through", connection.Name, connection.Provider)
	}
}

// System permissions are in no token. The roles of the read model have them.
func ExampleDirectory_HasPermission() {
	who := open()
	http.Handle("GET /members", auth.RequirePermissionIn(who, "org:sys_memberships:read")(http.NotFoundHandler()))
}

// In a tenant's transaction the same lookups see what its row level security lets them see.
func ExampleDirectory_Within() {
	who, pool := open(), (*pgxpool.Pool)(nil) // a pool of a member of clerkstream_tenant
	assign := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := auth.From(r.Context())
		err := tenant.InTx(r.Context(), pool, func(tx pgx.Tx) error {
			_, err := who.Within(tx).Membership(r.Context(), caller.Org, r.FormValue("assignee"))
			return err // ErrNotFound: not one of us
		})
		if err != nil {
			auth.WriteProblem(w, r, err)
		}
	})
	http.Handle("POST /assignments", auth.RequireOrg(assign))
}

// open stands for the directory that the service made at its start: see the first example.
func open() *directory.Directory {
	who, err := directory.New(directory.Config{})
	if err != nil {
		log.Fatal(err)
	}
	return who
}
