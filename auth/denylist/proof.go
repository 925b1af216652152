package denylist

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/clerkstream/clerkstream/auth"
)

// proof is what of a token can be found in the read model. All tokens of a session with the same organization and role have the same.
type proof struct {
	user, actor, session, org, role string
}

func (p proof) String() string {
	return fmt.Sprintf("%q %q %q %q %q", p.user, p.actor, p.session, p.org, p.role)
}

// verdict is what a look-up came to: a code, or nothing against the token.
type verdict struct {
	code auth.Code
	// until is when a refusal has to be looked up again; one that found nothing holds until the next flush.
	until time.Time
}

// refusedFor is for how long a refusal is remembered: whoever comes again with the same token costs one query in that time.
const refusedFor = time.Second

// failedFor is for how long a read that failed answers for all others, so that a database that does not answer holds up few requests.
const failedFor = time.Second

// proofs are the look-ups since the last flush. What changes after them makes an entry, which refuses by itself.
type proofs struct {
	most int

	mu       sync.Mutex
	epoch    uint64
	verdicts map[proof]verdict
	// failed is the last read that failed, and when.
	failed   error
	failedAt time.Time
}

func newProofs(most int) *proofs { return &proofs{most: most, verdicts: map[proof]verdict{}} }

func (p *proofs) reset(epoch uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.epoch, p.verdicts = epoch, map[proof]verdict{}
}

// get returns a verdict, or an error while the read model cannot be read.
func (p *proofs) get(of proof, now time.Time) (v verdict, known bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	v, known = p.verdicts[of]
	if known && (v.code == "" || now.Before(v.until)) {
		return v, true, nil
	}
	if p.failed != nil && now.Sub(p.failedAt) < failedFor {
		return v, false, p.failed
	}
	return v, false, nil
}

// put remembers a verdict, unless a flush overtook its read: the change that the flush stands for may be later than that.
func (p *proofs) put(epoch uint64, of proof, v verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = nil
	if p.epoch != epoch {
		return
	}
	if len(p.verdicts) >= p.most {
		// All of them are a query each away; which of them are still in use is not worth keeping track of.
		p.verdicts = map[proof]verdict{}
	}
	p.verdicts[of] = v
}

func (p *proofs) fail(err error, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed, p.failedAt = err, now
}

// lookUp finds a token's claims in the read model, or in what is remembered of it. Requests with the same claims share one query.
func (d *Denylist) lookUp(ctx context.Context, id *auth.Identity, epoch uint64) (auth.Code, error) {
	of := proof{id.User, actorOf(id), id.Session, id.Org, bareRole(id.Role)}
	if v, known, err := d.proofs.get(of, d.config.Now()); known || err != nil {
		return v.code, err
	}
	// The epoch is part of the name: who comes after a flush does not share a read from before it.
	found, err, _ := d.lookups.Do(fmt.Sprint(epoch, " ", of), func() (any, error) {
		// Somebody's read may have ended between our look and now.
		if v, known, err := d.proofs.get(of, d.config.Now()); known || err != nil {
			return v.code, err
		}
		d.metrics.lookups.Inc()
		// Others wait for this read too, so the one whose request ends early does not end it. It ends by itself after readTimeout.
		rows, reads, err := d.rows.read(context.WithoutCancel(ctx), of.subjects())
		now := d.config.Now()
		if err != nil {
			d.proofs.fail(err, now)
			return auth.Code(""), err
		}
		code := of.contradiction(rows, reads)
		d.proofs.put(epoch, of, verdict{code, now.Add(refusedFor)})
		return code, nil
	})
	return found.(auth.Code), err
}

func (p proof) subjects() []subject {
	subjects := []subject{{kindUser, p.user, ""}}
	if p.actor != "" {
		subjects = append(subjects, subject{kindUser, p.actor, ""})
	}
	if p.session != "" {
		subjects = append(subjects, subject{kindSession, p.session, ""})
	}
	if p.org != "" {
		subjects = append(subjects, subject{kindMember, p.org, p.user})
	}
	return subjects
}

// contradiction is what the rows have against the proof. A user or a membership that is absent may be missing or gone: either way the client's next token
// tells. An absent session is nothing: one that ended has a row, and Clerk lets nobody list those that began before the first webhook. Nor is an absent
// actor, who may be of another application.
func (p proof) contradiction(rows []row, reads [len(parts)]bool) auth.Code {
	var there [len(parts)]bool
	for _, r := range rows {
		if !r.there {
			continue
		}
		if r.subject.id != p.actor {
			there[r.subject.kind] = true
		}
		e, denies := r.judge(0)
		switch {
		case r.subject.kind == kindMember && e.role != p.role:
			return auth.CodeTokenOutdated
		case r.subject.kind != kindMember && denies:
			return e.code
		}
	}
	if !there[kindUser] || p.org != "" && reads[kindMember] && !there[kindMember] {
		return auth.CodeTokenOutdated
	}
	return ""
}
