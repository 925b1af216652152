package projector

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"pgregory.net/rapid"

	"github.com/clerkstream/clerkstream/events"
	"github.com/clerkstream/clerkstream/internal/changefeed"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

// heard waits for a notice.
func heard(t *testing.T, listener *pgx.Conn) (n changefeed.Notice) {
	t.Helper()
	got, err := listener.WaitForNotification(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(got.Payload), &n); err != nil {
		t.Fatalf("%s: %v", got.Payload, err)
	}
	return n
}

func listen(t *testing.T, b *bed) *pgx.Conn {
	t.Helper()
	listener := testkit.Connect(t, b.url)
	if _, err := listener.Exec(t.Context(), `listen `+FeedChannel("clerk")); err != nil {
		t.Fatal(err)
	}
	return listener
}

// membership is the data of a membership event.
func membership(id, org, user string) testkit.Data {
	return testkit.Data{"id": id, "role": "org:member", "organization": testkit.Data{"id": org}, "public_user_data": testkit.Data{"user_id": user}}
}

func TestANoticeTellsWhoseAMembershipIsAlsoWhenItIsDeleted(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	listener := listen(t, b)
	_, _ = b.start(t, b.config())
	for i, typ := range []string{"organizationMembership.created", "organizationMembership.deleted"} {
		b.Publish(t, fmt.Sprint("msg_", i), testkit.Body(typ, noon, membership("orgmem_1", "org_1", "user_1")))
		n := heard(t, listener)
		if related := n.RelatedTo("organization_memberships", 0); !slices.Equal(related, []string{"org_1", "user_1"}) {
			t.Errorf("%s: it is related to %q", typ, related)
		}
	}
	b.Publish(t, "msg_bare", []byte(`{"type":"organizationMembership.deleted","timestamp":1772366400000,"data":{"id":"orgmem_2","deleted":true}}`))
	if n := heard(t, listener); n.Changes["organization_memberships"][0] != "orgmem_2" || n.Related != nil {
		t.Errorf("of a delete that names only its id the notice tells %+v", n)
	}
}

func TestANoticeTellsWhenEachChangeHappened(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	listener := listen(t, b)
	b.Publish(t, "msg_1", testkit.Body("user.created", noon.Add(time.Minute), testkit.Data{"id": "user_1"}))
	// Deleted at noon, but last changed in January: it is the envelope that knows when.
	old := membership("orgmem_1", "org_1", "user_1")
	old["updated_at"] = noon.AddDate(0, -2, 0).UnixMilli()
	b.Publish(t, "msg_2", testkit.Body("organizationMembership.deleted", noon, old))
	_, _ = b.start(t, b.config())
	want := map[string]time.Time{"users": noon.Add(time.Minute), "organization_memberships": noon}
	for told := 0; told < len(want); {
		n := heard(t, listener)
		oldest := noon.AddDate(1, 0, 0)
		for readModel := range n.Changes {
			told++
			at := n.At(readModel, 0)
			if !at.Equal(want[readModel].Add(5 * time.Millisecond)) {
				t.Errorf("%s changed at %s", readModel, at)
			}
			if at.Before(oldest) {
				oldest = at
			}
		}
		if !n.OccurredAt.Equal(oldest) {
			t.Errorf("the oldest change of %v is of %s, told is %s", n.Changes, oldest, n.OccurredAt)
		}
	}
}

func TestALargeTransactionSendsSeveralNotices(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	listener := listen(t, b)
	// The generation is made and live before the first event, so that all of them are committed at once.
	b.project(t, b.config(), 0)
	end := b.fill(t, 1000, "a")
	c := b.config()
	c.MaxBatch = 10_000
	b.project(t, c, end)
	seen := map[string]bool{}
	notices := map[uint64]int{}
	for len(seen) < 1000 {
		n := heard(t, listener)
		if n.Flush {
			t.Fatal("it flushed")
		}
		notices[n.Sequence]++
		for _, id := range n.Changes["users"] {
			seen[id] = true
		}
	}
	total := 0
	for sequence, count := range notices {
		total += count
		if count > changefeed.MaxNotices {
			t.Errorf("%d notices of the transaction that ends at %d", count, sequence)
		}
	}
	if total < 2 {
		t.Errorf("%d notices", total)
	}
}

func TestAHugeTransactionFlushes(t *testing.T) {
	t.Parallel()
	for users, flushes := range map[int]bool{2000: false, 3000: true, 10_000: true} {
		f := newFeed(7, 9, noon)
		keys, rows := make([]string, users), make([]projections.Row, users)
		for i := range keys {
			keys[i] = fmt.Sprintf("user_2abcdefghijklmnopqrstu%05d", i)
			rows[i].Key = keys[i]
		}
		f.changed("users", keys, rows)
		f.changed("roles", []string{"role_1"}, []projections.Row{{Key: "role_1"}})
		payloads, err := f.payloads()
		if err != nil {
			t.Fatal(err)
		}
		if flushed := slices.Equal(payloads, []string{`{"generation":7,"sequence":9,"flush":true}`}); flushed != flushes {
			t.Errorf("%d users: %d notices, the first is %.60s", users, len(payloads), payloads[0])
		}
	}
}

func TestNoticesFitTheirChannelAndLoseNoChange(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.StringMatching(`[a-z]{3,6}_[A-Za-z0-9]{1,40}`), rapid.StringN(0, 300, -1))
		f := newFeed(7, 1<<63, noon)
		told := map[string]bool{}
		for _, readModel := range rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z_]{1,40}`), 1, 6, rapid.ID[string]).Draw(t, "models") {
			keys := rapid.SliceOfNDistinct(id, 1, rapid.SampledFrom([]int{3, 900}).Draw(t, "most"), rapid.ID[string]).Draw(t, "keys")
			rows := make([]projections.Row, len(keys))
			related := rapid.SliceOfN(id, 0, 3).Draw(t, "related")
			for i, key := range keys {
				at := noon.UnixMilli() + rapid.Int64Range(0, 1e13).Draw(t, "at")
				rows[i] = projections.Row{Key: key, Related: related, Version: events.VersionParts{Source: at, Observed: at - 5}.Version()}
				told[fmt.Sprintf("%s/%s/%q/%d", readModel, strings.ToValidUTF8(key, "\ufffd"), related, at)] = true
			}
			f.changed(readModel, keys, rows)
		}
		payloads, err := f.payloads()
		if err != nil || len(payloads) == 0 || len(payloads) > changefeed.MaxNotices {
			t.Fatalf("%d notices, %v", len(payloads), err)
		}
		for _, payload := range payloads {
			if len(payload) > changefeed.MaxPayload {
				t.Errorf("a notice of %d bytes", len(payload))
			}
			var n changefeed.Notice
			if err := json.Unmarshal([]byte(payload), &n); err != nil {
				t.Fatal(err)
			}
			if n.Flush {
				return
			}
			for readModel, ids := range n.Changes {
				for i, id := range ids {
					delete(told, fmt.Sprintf("%s/%s/%q/%d", readModel, id, n.RelatedTo(readModel, i), n.At(readModel, i).UnixMilli()))
				}
			}
		}
		if len(told) > 0 {
			t.Errorf("%d changes are not told, such as %v", len(told), told)
		}
	})
}

func TestAChangeWithoutATimeIsAsOldAsItsTransaction(t *testing.T) {
	t.Parallel()
	f := newFeed(1, 1, noon)
	f.changed("mine", []string{"a"}, []projections.Row{{Key: "a"}})
	if notices := f.pack(); !notices[0].OccurredAt.Equal(noon) {
		t.Errorf("it is of %s", notices[0].OccurredAt)
	}
}
