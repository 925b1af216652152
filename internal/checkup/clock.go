package checkup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const mendClock = "let an NTP client keep the clock of this machine"

// clerkClock reads the Date header of whatever Clerk answers. It asks without the key: a wrong one is another line's business.
func (s *site) clerkClock(ctx context.Context) Line {
	if s.APIURL == "" {
		return skipped("set CLERK_API_URL", "Clerk's clock is not known")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(strings.TrimSuffix(s.APIURL, "/"), "/v1")+"/v1/jwks", http.NoBody)
	if err != nil {
		return failure("set CLERK_API_URL to https://api.clerk.com", "CLERK_API_URL is no URL")
	}
	before, began := s.Now(), time.Now()
	answer, err := s.HTTP.Do(req)
	if err != nil {
		return failure("check the way out of this machine and CLERK_API_URL, and https://status.clerk.com", "Clerk at %s does not answer: %s", req.URL.Host, short(err))
	}
	trip := time.Since(began)
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	_ = answer.Body.Close()
	theirs, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return warning("check that CLERK_API_URL is Clerk's", "%s answers without a Date", req.URL.Host)
	}
	// The header was cut to full seconds, half a second ago on average.
	skew := before.Add(trip / 2).Sub(theirs.Add(time.Second / 2))
	return clockLine("Clerk", skew, max(0, skew.Abs()-time.Second/2-trip/2), mendClock+": Svix' deliveries are refused from 5 minutes on, and what is read from the API gets wrong times")
}

func (s *site) postgresClock(ctx context.Context) Line {
	pool, err := s.pool()
	if err != nil {
		return s.noDatabase(err)
	}
	var theirs time.Time
	before, began := s.Now(), time.Now()
	if err := pool.QueryRow(ctx, `select clock_timestamp()`).Scan(&theirs); err != nil {
		return s.unreadable(err)
	}
	trip := time.Since(began)
	skew := before.Add(trip / 2).Sub(theirs)
	return clockLine("Postgres", skew, max(0, skew.Abs()-trip/2), mendClock+" and that of Postgres: lag and heartbeats are told by both")
}

// clockLine judges by certain, the part of the difference that the request itself cannot explain.
func clockLine(other string, skew, certain time.Duration, next string) Line {
	seen := fmt.Sprintf("this machine is %s behind %s", span(skew), other)
	if skew > 0 {
		seen = fmt.Sprintf("this machine is %s ahead of %s", span(skew), other)
	}
	switch {
	case certain > skewFatal:
		return failure(next, "%s", seen)
	case certain > skewWorth:
		return warning(next, "%s", seen)
	}
	return fine("this machine agrees with %s", other)
}

// noDatabase is the line of a check that has no Postgres to ask.
func (s *site) noDatabase(err error) Line {
	if errors.Is(err, errNotConfigured) {
		return skipped("", "no database is named")
	}
	return skipped("", "Postgres cannot be asked")
}

func (s *site) noBroker(err error) Line {
	if errors.Is(err, errNotConfigured) {
		return skipped("", "no broker is named")
	}
	return skipped("", "the broker cannot be asked")
}
