package directory

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

// whatever is a small world in which everything meets: a few users, organizations, addresses, slugs and domains that pass from one to the other.
type whatever struct {
	prefix string
	lives  map[string]int // how often something of this name was deleted: what Clerk deletes never comes back under its id
}

const (
	someUsers  = 3
	someOrgs   = 2
	someValues = 2
)

func (w *whatever) id(kind string, n int) string {
	name := fmt.Sprintf("%s_%s%d", kind, w.prefix, n)
	return fmt.Sprintf("%sx%d", name, w.lives[name])
}

func (w *whatever) end(kind string, n int) (id string) {
	id = w.id(kind, n)
	w.lives[fmt.Sprintf("%s_%s%d", kind, w.prefix, n)]++
	return id
}

func (w *whatever) value(kind string, n int) string {
	return fmt.Sprintf("%s-%s%d.example", kind, w.prefix, n)
}

func (w *whatever) role(n int) string { return fmt.Sprintf("org:%s%d", w.prefix, n) }

// draw is any change.
func (w *whatever) draw(t *rapid.T) told {
	n := func(most int, name string) int { return rapid.IntRange(0, most-1).Draw(t, name) }
	user, org, value, pair := n(someUsers, "user"), n(someOrgs, "org"), n(someValues, "value"), n(someUsers*someOrgs, "pair")
	last := rapid.IntRange(0, 4).Draw(t, "deletes") == 0
	switch kind := rapid.SampledFrom([]string{"user", "user", "org", "orgdmn", "orgmem", "orgmem", "role", "ent"}).Draw(t, "kind"); {
	case kind == "user" && last:
		return told{"user.deleted", w.end("user", user), deleted()}
	case kind == "user":
		data := testkit.Data{"first_name": fmt.Sprint(n(9, "name"))}
		if rapid.Bool().Draw(t, "has external id") {
			data["external_id"] = w.value("ext", value)
		}
		var list []any
		for i := range someValues {
			if rapid.Bool().Draw(t, "has address") {
				status := rapid.SampledFrom([]string{"verified", "unverified"}).Draw(t, "status")
				list = append(list, testkit.Data{"id": fmt.Sprint("idn_", i), "email_address": "a@" + w.value("mail", i), "verification": testkit.Data{"status": status}})
			}
		}
		return told{"user.updated", w.id("user", user), with(data, "email_addresses", list)}
	case kind == "org" && last:
		return told{"organization.deleted", w.end("org", org), deleted()}
	case kind == "org":
		return told{"organization.updated", w.id("org", org), testkit.Data{"name": fmt.Sprint(n(9, "name")), "slug": w.value("slug", value)}}
	case kind == "orgdmn" && last:
		return told{"organizationDomain.deleted", w.end("orgdmn", user), deleted()}
	case kind == "orgdmn":
		data := verifiedDomain(w.id("org", org), w.value("domain", value))
		if rapid.Bool().Draw(t, "is only claimed") {
			data["affiliation_verification"] = nil
		}
		return told{"organizationDomain.updated", w.id("orgdmn", user), data}
	case kind == "orgmem" && last:
		data := deleted()
		if rapid.Bool().Draw(t, "says whose") {
			data = w.member(pair, 0)
		}
		return told{"organizationMembership.deleted", w.end("orgmem", pair), data}
	case kind == "orgmem":
		return told{"organizationMembership.updated", w.id("orgmem", pair), w.member(pair, value)}
	case kind == "role" && last:
		return told{"role.deleted", w.end("role", value), deleted()}
	case kind == "role":
		return told{"role.updated", w.id("role", value), role(w.role(value), []string{"org:x:read", "org:x:write"}[:n(3, "permissions")]...)}
	}
	return told{"enterpriseConnection.updated", w.id("ent", value), connection("", last, w.value("mail", n(someValues, "domain")))}
}

func (w *whatever) member(pair, r int) testkit.Data {
	return member(w.id("org", pair%someOrgs), w.id("user", pair/someOrgs), w.role(r))
}

// questions are all that can be asked.
func (w *whatever) questions() (all []words) {
	for u := range someUsers {
		user := w.id("user", u)
		all = append(all, userWords(user))
		for o := range someOrgs {
			all = append(all, memberWords(w.id("org", o), user), permissionWords(w.id("org", o), user, "org:x:read"))
		}
	}
	for o := range someOrgs {
		org := w.id("org", o)
		all = append(all, func(ctx context.Context, r reader) string {
			o, err := r.Organization(ctx, org)
			return say(o.ID+" "+o.Name, err)
		})
	}
	for v := range someValues {
		all = append(all, emailWords("a@"+w.value("mail", v)), externalWords(w.value("ext", v)), slugWords(w.value("slug", v)), domainWords(w.value("domain", v)),
			connectionWords("b@"+w.value("mail", v)))
	}
	return all
}

// After the notice of each of any changes, memory answers what Postgres answers, whatever was asked meanwhile.
func TestAfterEachNoticeMemoryAnswersWhatPostgresAnswers(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	d := b.open(t, nil)
	var (
		asked  atomic.Pointer[[]words]
		worlds int
		askers sync.WaitGroup
	)
	ctx, stop := context.WithCancel(t.Context())
	defer askers.Wait()
	defer stop()
	askers.Go(func() {
		pause := time.NewTicker(200 * time.Microsecond) // or the rest would get no turn on a small machine
		defer pause.Stop()
		for ctx.Err() == nil {
			if all := asked.Load(); all != nil {
				(*all)[rand.IntN(len(*all))](ctx, d.Directory)
			}
			<-pause.C
		}
	})
	rapid.Check(t, func(rt *rapid.T) {
		worlds++
		w := &whatever{prefix: fmt.Sprintf("w%d", worlds), lives: map[string]int{}}
		for range rapid.IntRange(1, 6).Draw(rt, "changes") {
			before := w.questions()
			asked.Store(&before)
			change := w.draw(rt)
			d.untilHeard(rt, b.publish(t, change.typ, change.id, change.data))
			if rapid.Bool().Draw(rt, "is settled") {
				d.untilSettled(rt)
			}
			for i, ask := range before {
				memory, postgres := ask(t.Context(), d.Directory), ask(t.Context(), d.direct)
				if memory != postgres {
					rt.Fatalf("question %d: memory says %q, Postgres %q", i, memory, postgres)
				}
			}
		}
	})
	if hits := d.lookups(t, "hit"); hits == 0 {
		t.Error("nothing came from memory")
	}
}
