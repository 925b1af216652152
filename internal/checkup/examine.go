package checkup

import (
	"context"
	"sync"
)

// check is one question. It gives a line for each thing it found, and at least one.
type check struct {
	name string
	ask  func(context.Context) []Line
}

func one(ask func(context.Context) Line) func(context.Context) []Line {
	return func(ctx context.Context) []Line { return []Line{ask(ctx)} }
}

// checks are in the order in which a person mends things: what is below needs what is above.
func (s *site) checks() []check {
	all := []check{
		{"clock: clerk", one(s.clerkClock)},
		{"clock: postgres", one(s.postgresClock)},
		{"webhook secret", one(s.webhookSecret)},
		{"webhook route", one(s.route)},
	}
	for _, u := range s.IngestURLs {
		all = append(all, check{"ingest", one(func(ctx context.Context) Line { return s.ingest(ctx, u) })})
	}
	if len(s.IngestURLs) == 0 {
		all = append(all, check{"ingest", one(func(context.Context) Line {
			return skipped("set INGEST_OPS_URL to ingest's OPS_ADDR, http://host:9090", "where ingest is was not told")
		})})
	}
	return append(all,
		check{"api key", one(s.keyForm)},
		check{"api instance", one(s.apiInstance)},
		check{"broker", one(s.broker)},
		check{"stream", one(s.streamSettings)},
		check{"durability", one(s.durability)},
		check{"postgres", one(s.postgres)},
		check{"schema", one(s.schemaVersion)},
		check{"generation", s.generationStates},
		check{"lag", s.lag},
		check{"dead letters", s.deadLetters},
		check{"drift", s.drift},
		check{"watch", one(s.heartbeat)},
		check{"sentinel", s.sentinel},
		check{"outages", one(s.holes)},
	)
}

// Examine asks everything at once, each question within Config.Within, and returns the lines in the order of checks. It always returns: what does not
// answer is a failure of its line. It is safe for concurrent use.
func Examine(ctx context.Context, c Config) *Report {
	s := newSite(ctx, c)
	defer s.close()
	s.open()
	all := s.checks()
	answers := make([][]Line, len(all))
	var wg sync.WaitGroup
	for i, one := range all {
		wg.Go(func() { answers[i] = s.ask(ctx, one) })
	}
	wg.Wait()
	r := &Report{Instance: s.Instance, At: s.Now().UTC()}
	for _, lines := range answers {
		r.Lines = append(r.Lines, lines...)
	}
	r.judge()
	return r
}

// ask gives a check its time; the connections that checks share had theirs before.
func (s *site) ask(ctx context.Context, one check) (lines []Line) {
	// A check that panics is a mistake here, and no reason to keep the other lines from whoever needs them.
	defer func() {
		if p := recover(); p != nil {
			lines = []Line{failure("report it: this is a mistake in clerkstream", "the check itself failed (%T)", p)}
		}
		for i := range lines {
			lines[i].Check = one.name
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, s.Within)
	defer cancel()
	return one.ask(ctx)
}
