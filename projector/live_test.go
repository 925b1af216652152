package projector

import (
	"fmt"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestAUserEventBecomesARow(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	p, _ := b.start(t, b.config())
	end := b.Publish(t, "msg_1", testkit.Body("user.created", noon, testkit.Data{"id": "user_1", "first_name": "Ada"}))
	b.until(t, end)
	if name := value[string](t, b, `select first_name from clerk.users where id = 'user_1'`); name != "Ada" {
		t.Errorf("first name is %q", name)
	}
	if reasons := p.NotReady(); len(reasons) > 0 || p.State() != StateLeading {
		t.Errorf("a projector that projects is %s and not ready: %v", p.State(), reasons)
	}
}

func TestAnOlderFactNeverBeatsANewerRow(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, _ = b.start(t, b.config())
	b.until(t, b.Publish(t, "msg_new", testkit.Body("user.updated", noon.Add(time.Hour), testkit.Data{"id": "user_1", "first_name": "new"})))
	b.until(t, b.Publish(t, "msg_old", testkit.Body("user.updated", noon, testkit.Data{"id": "user_1", "first_name": "old"})))
	if name := value[string](t, b, `select first_name from clerk.users`); name != "new" {
		t.Errorf("first name is %q", name)
	}
}

func TestALateFactNeverRevivesWhatWasDeleted(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, _ = b.start(t, b.config())
	email := []any{testkit.Data{"id": "idn_1", "email_address": "ada@x.example"}}
	b.until(t, b.Publish(t, "msg_1", testkit.Body("user.created", noon, testkit.Data{"id": "user_1", "email_addresses": email})))
	b.until(t, b.Publish(t, "msg_2", []byte(`{"type":"user.deleted","timestamp":1772366400000,"data":{"id":"user_1","deleted":true}}`)))
	b.until(t, b.Publish(t, "msg_3", testkit.Body("user.updated", noon.Add(time.Hour), testkit.Data{"id": "user_1", "email_addresses": email})))
	if n := value[int](t, b, `select count(*) from clerk.users`); n != 0 {
		t.Errorf("%d users are visible", n)
	}
	if n := value[int](t, b, `select count(*) from clerk_g1.user_identifiers`); n != 0 {
		t.Errorf("the tombstone kept %d identifiers", n)
	}
	kept := value[string](t, b, `select jsonb_strip_nulls(to_jsonb(u) - 'version') from clerk_g1.users u`)
	if kept != `{"id": "user_1", "deleted": true}` {
		t.Errorf("the tombstone kept %s", kept)
	}
}

func TestIdentifiersFollowTheirUser(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, _ = b.start(t, b.config())
	user := func(at time.Time, emails ...string) []byte {
		var list []any
		for i, e := range emails {
			list = append(list, testkit.Data{"id": fmt.Sprintf("idn_%d", i), "email_address": e, "verification": testkit.Data{"status": "verified"}})
		}
		return testkit.Body("user.updated", at, testkit.Data{"id": "user_1", "username": "ada", "email_addresses": list})
	}
	list := func() string {
		return value[string](t, b, `select coalesce(string_agg(kind || '=' || value, ' ' order by kind, value), '') from clerk.user_identifiers`)
	}
	b.until(t, b.Publish(t, "msg_1", user(noon, "A@x.example", "b@x.example")))
	if got := list(); got != "email=a@x.example email=b@x.example username=ada" {
		t.Error(got)
	}
	b.until(t, b.Publish(t, "msg_2", user(noon.Add(time.Second), "c@x.example")))
	if got := list(); got != "email=c@x.example username=ada" {
		t.Error(got)
	}
}

func TestOneBatchOfManyRowsTakesTheBulkWay(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const users = 6000 // above the size from which rows are copied
	var end uint64
	for i := range users {
		end = b.Publish(t, fmt.Sprintf("msg_%d", i), testkit.Body("user.created", noon, testkit.Data{"id": fmt.Sprintf("user_%d", i), "username": fmt.Sprintf("u%d", i)}))
	}
	b.project(t, b.config(), end)
	if n := value[int](t, b, `select count(*) from clerk.users u join clerk.user_identifiers i on i.user_id = u.id and i.value = u.username`); n != users {
		t.Errorf("%d of %d users are complete", n, users)
	}
}

func TestReadersHearOfAChangeWhenTheyCanReadIt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	listener := listen(t, b)
	_, _ = b.start(t, b.config())
	b.Publish(t, "msg_1", testkit.Body("user.created", noon, testkit.Data{"id": "user_1"}))
	n, err := listener.WaitForNotification(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"generation":1,"sequence":1,"occurred_at":"2026-03-01T12:00:00.005Z","changes":{"users":["user_1"]}}`; n.Payload != want {
		t.Errorf("notified %s, want %s", n.Payload, want)
	}
	if n := value[int](t, b, `select count(*) from clerk.users`); n != 1 {
		t.Errorf("%d users can be read", n)
	}
}

func TestEventsThatNoReadModelWantsMoveThePositionOn(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	_, _ = b.start(t, b.config())
	b.Publish(t, "msg_1", []byte(`not json`))
	b.Publish(t, "msg_2", []byte(`{"type":"user.somethingNew","timestamp":1772366400000,"data":{"id":"user_1"}}`))
	b.Publish(t, "msg_3", []byte(`{"type":"email.created","timestamp":1772366400000,"data":{"id":"ema_1"}}`))
	b.until(t, 3)
	if n := value[int](t, b, `select (select count(*) from clerk.users) + (select count(*) from clerkstream.dead_letters)`); n != 0 {
		t.Errorf("%d rows or dead letters came of them", n)
	}
}
