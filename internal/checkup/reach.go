package checkup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/nats-io/nats.go"
)

// answerLimit is how much of an answer is read.
const answerLimit = 64 << 10

// get reads one answer. The host is all that a line may say of the URL, which can hold a password.
func (s *site) get(ctx context.Context, raw string) (status int, body, location, host string, err error) {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return 0, "", "", "", errors.New("not a URL like http://host:port")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, http.NoBody)
	if err != nil {
		return 0, "", "", u.Host, errors.New("not a URL like http://host:port")
	}
	answer, err := s.HTTP.Do(req)
	if err != nil {
		return 0, "", "", u.Host, err
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit))
	return answer.StatusCode, strings.TrimSpace(string(content)), answer.Header.Get("Location"), u.Host, err
}

// ingest asks one ingest whether it lives, and whether it would take a delivery.
func (s *site) ingest(ctx context.Context, base string) Line {
	base = strings.TrimSuffix(base, "/")
	status, _, _, host, err := s.get(ctx, base+"/healthz")
	switch {
	case err != nil:
		return failure("start ingest, or mend INGEST_OPS_URL: it is the OPS_ADDR of ingest", "%s does not answer: %s", host, short(err))
	case status != http.StatusOK:
		return failure("mend INGEST_OPS_URL: it is the OPS_ADDR of ingest", "%s answers /healthz with %d", host, status)
	}
	status, reasons, _, _, err := s.get(ctx, base+"/readyz")
	switch {
	case err != nil:
		return failure("look at the log of ingest", "%s lives, and does not tell whether it is ready: %s", host, short(err))
	case status != http.StatusOK:
		return failure("mend what it says; until then deliveries are answered 503 and Svix comes again, for 27 hours", "%s is not ready: %s", host, strings.ReplaceAll(reasons, "\n", "; "))
	}
	return fine("%s is ready", host)
}

// route asks the endpoint as Clerk's dashboard has it. Ingest alone answers a GET with 405 and this code, and
// counts it as just that: no signature fails for it.
func (s *site) route(ctx context.Context) Line {
	if s.WebhookURL == "" {
		return skipped("set CLERK_WEBHOOK_URL to the endpoint as Clerk's dashboard has it", "the public endpoint is not known")
	}
	status, body, location, host, err := s.get(ctx, s.WebhookURL)
	var told struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal([]byte(body), &told) // what is no JSON is not ingest's
	const path = "the path is /webhooks/clerk, or /webhooks/clerk/<instance> where ingest has several"
	switch {
	case err != nil:
		return failure("check DNS, TLS and the proxy before ingest", "%s does not answer: %s", host, short(err))
	case status == http.StatusMethodNotAllowed && told.Code == "method_not_allowed":
		return fine("%s leads to ingest", host)
	case status >= 300 && status < 400:
		return failure("name the address it leads to in Clerk's dashboard: Svix follows no redirect", "%s redirects (%d) to %s", host, status, hostAndPath(location))
	case told.Code == "instance_unknown" || told.Code == "not_found":
		return failure("mend the endpoint in Clerk's dashboard: "+path, "ingest at %s does not know the path (%d %s)", host, status, told.Code)
	default:
		return failure("mend the proxy's route: "+path, "%s answers %d, and that is not ingest", host, status)
	}
}

func hostAndPath(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return "somewhere"
	}
	return u.Host + u.Path
}

func (s *site) broker(context.Context) Line {
	l, err := s.link()
	switch {
	case errors.Is(err, errNotConfigured):
		return skipped("set NATS_URL; the stream and lag need it", "no broker is named")
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked):
		return failure("check user and password in NATS_URL, or NATS_CREDS, against the broker's accounts.conf", "the broker refuses the login: %s", short(err))
	case err != nil:
		return failure("start the broker, or mend NATS_URL", "the broker is not reachable: %s", short(err))
	}
	return fine("%s, nats-server %s", l.nc.ConnectedServerName(), l.nc.ConnectedServerVersion())
}

// oldestPostgres is the first that has what row level security of the views needs.
const oldestPostgres = 15

func (s *site) postgres(ctx context.Context) Line {
	pool, err := s.pool()
	var refused *pgconn.PgError
	switch {
	case errors.Is(err, errNotConfigured):
		return skipped("set DATABASE_URL; everything below needs it", "no database is named")
	case errors.As(err, &refused) && strings.HasPrefix(refused.Code, "28"):
		return failure("check login and password in DATABASE_URL, and pg_hba.conf", "Postgres refuses the login: %s", refused.Message)
	case errors.As(err, &refused) && refused.Code == "3D000":
		return failure("create the database, or mend DATABASE_URL", "%s", refused.Message)
	case err != nil:
		return failure("start Postgres, or mend DATABASE_URL", "Postgres is not reachable: %s", short(err))
	}
	var version int
	var name string
	if err := pool.QueryRow(ctx, `select current_setting('server_version_num')::int, current_setting('server_version')`).Scan(&version, &name); err != nil {
		return s.unreadable(err)
	}
	if version/10000 < oldestPostgres {
		return failure(fmt.Sprintf("upgrade to Postgres %d or newer", oldestPostgres), "Postgres %s", name)
	}
	return fine("Postgres %s", name)
}

// unreadable is the line of a check that Postgres gave no answer to.
func (s *site) unreadable(err error) Line {
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Code == "42501":
		return failure("grant clerkstream_reader to the login of DATABASE_URL", "the login may not read: %s", refused.Message)
	case errors.As(err, &refused) && (refused.Code == "42P01" || refused.Code == "3F000" || refused.Code == "42703"):
		return skipped("run clerkstream migrate", "the operational schema is not there, or older")
	case errors.Is(err, pgx.ErrNoRows):
		return warning("", "nothing is there")
	}
	return failure("look at the log of Postgres", "Postgres does not tell: %s", short(err))
}
