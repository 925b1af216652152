package projections

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// entry is what this log keeps of an event beside the usual.
type entry struct {
	Name string      `json:"name"`
	At   events.Time `json:"updated_at"`
}

func logbook(objects ...string) *Log[entry] {
	return &Log[entry]{
		Model: "logbook", Objects: objects,
		Columns: []Column[entry]{Text("name", func(e *entry) string { return e.Name }), Moment("at", func(e *entry) events.Time { return e.At })},
		Tenant:  `entity_id = ` + CurrentOrg,
	}
}

func told(id, typ, entity, name string) events.Event {
	return event(id, testkit.Body(typ, noon, testkit.Data{"id": entity, "name": name}))
}

func TestALogKeepsEveryEventOnceWithItsFirstPlace(t *testing.T) {
	t.Parallel()
	p := logbook()
	b := newTables(t, p)
	// Within a batch and across batches, in any order of versions.
	first := b.write(t, p, told("msg_1", "user.updated", "u", "new"), told("msg_2", "organization.deleted", "o", "gone"), told("msg_1", "user.updated", "u", "new"))
	second := b.write(t, p, told("msg_2", "organization.deleted", "o", "gone"), told("msg_3", "user.created", "u", "old"))
	if !slices.Equal(first.Applied, []string{"msg_1", "msg_2"}) || first.Duplicates != 1 || !slices.Equal(second.Applied, []string{"msg_3"}) || second.Duplicates != 1 {
		t.Errorf("the batches did %+v and %+v", first, second)
	}
	have := value[[]string](t, b, `select array_agg(concat_ws(' ', event_id, sequence, type, entity_id, extract(epoch from occurred_at - at), name) order by event_id) from v.logbook`)
	if want := []string{
		"msg_1 1 user.updated u 0.005000 new", "msg_2 2 organization.deleted o 0.005000 gone", "msg_3 2 user.created u 0.005000 old",
	}; !slices.Equal(have, want) {
		t.Errorf("the log holds %q, want %q", have, want)
	}
}

func TestALogTakesTheObjectsItNames(t *testing.T) {
	t.Parallel()
	if p := logbook(events.ObjectUser, events.ObjectRole); !p.Wants("user", "anything") || !p.Wants("role", "deleted") || p.Wants("organization", "created") {
		t.Error("a log wants every event of its objects and no others")
	}
	if p := logbook(); !p.Wants("somethingNew", "happened") || p.Kind() != KindLog || p.Name() != "logbook" {
		t.Error("a log without objects wants every event")
	}
}

func TestALogOfManyEventsTakesTheBulkWay(t *testing.T) {
	t.Parallel()
	p := logbook()
	b := newTables(t, p)
	var all []events.Event
	for i := range copyFrom + 10 {
		all = append(all, told(fmt.Sprintf("msg_%d", i%(copyFrom+5)), "user.updated", "u", ""))
	}
	if o := b.write(t, p, all...); len(o.Applied) != copyFrom+5 || o.Duplicates != 5 {
		t.Errorf("%d applied, %d duplicates", len(o.Applied), o.Duplicates)
	}
	if n := value[int](t, b, `select count(*) from v.logbook where name is null and sequence = substring(event_id from 5)::bigint + 1`); n != copyFrom+5 {
		t.Errorf("%d of %d events are in their place", n, copyFrom+5)
	}
}

func TestALogKeepsAnEventWithoutATime(t *testing.T) {
	t.Parallel()
	p := logbook()
	b := newTables(t, p)
	e := event("msg_1", []byte(`{"type":"user.updated","data":{"id":"u"}}`))
	e.Time = time.Time{}
	b.write(t, p, e)
	if n := value[int](t, b, `select count(*) from v.logbook where occurred_at is null and at is null`); n != 1 {
		t.Errorf("%d rows", n)
	}
}

func TestALogHasAPolicyToo(t *testing.T) {
	t.Parallel()
	p := logbook()
	b := newTables(t, p)
	b.exec(t, `grant usage on schema v to `+RoleTenant)
	b.write(t, p, told("msg_1", "organization.updated", "o", ""), told("msg_2", "organization.updated", "other", ""))
	b.exec(t, `begin; set local role `+RoleTenant+`; set local "clerk.org_id" = 'o'`)
	if have := value[[]string](t, b, `select array_agg(event_id) from v.logbook`); !slices.Equal(have, []string{"msg_1"}) {
		t.Errorf("the tenant sees %v", have)
	}
}
