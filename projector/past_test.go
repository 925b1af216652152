package projector

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/testkit"
)

func TestAsOfNamesTheEventThatSetEachColumn(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	user := func(id string, minute int, data testkit.Data) uint64 {
		data["id"] = "user_1"
		return b.Publish(t, id, testkit.Body("user.updated", noon.Add(time.Duration(minute)*time.Minute), data))
	}
	third := user("msg_3", 30, testkit.Data{"first_name": "Ada", "last_name": "King"})
	first := user("msg_1", 10, testkit.Data{"first_name": "Ada", "last_name": "Byron", "username": "ada"}) // late
	second := user("msg_2", 20, testkit.Data{"first_name": "Ada", "last_name": "King", "username": "ada"}) // late
	testkit.Eventually(t, func() error {                                                                   // behind the duplicate window
		if again := user("msg_2", 20, testkit.Data{"first_name": "Ada", "last_name": "King", "username": "ada"}); again == second {
			return errors.New("still in the duplicate window")
		}
		return nil
	})
	b.project(t, b.config(), third)
	o := b.operator(t, b.config())

	h := o.mustAsOf(t, "user_1", Point{})
	state := h.readModel(t, "users")
	for _, c := range state.Columns {
		want, has := map[string]uint64{"id": first, "first_name": first, "last_name": second, "username": third, "updated_at": third}[c.Column]
		if has && c.SetBy != want {
			t.Errorf("%s was set by %d, want %d", c.Column, c.SetBy, want)
		}
	}
	if state.SetBy != third || len(h.Events) != 4 || len(h.Events[2].Aside) != 1 || h.Events[1].Sequence != second || len(h.Events[3].Won) != 1 {
		t.Errorf("the row was made by %d, of %+v", state.SetBy, h.Events)
	}

	// What Clerk had at 12:15 is what arrived later; what this log knew after its first message is what Clerk had last.
	clerk, log := o.mustAsOf(t, "user_1", Point{Source: noon.Add(15 * time.Minute)}), o.mustAsOf(t, "user_1", Point{Sequence: third})
	if clerk.readModel(t, "users").SetBy != first || log.readModel(t, "users").SetBy != third || len(log.Events) != 1 {
		t.Errorf("by time the row is of %d, by sequence of %d", clerk.readModel(t, "users").SetBy, log.readModel(t, "users").SetBy)
	}

	deleted := b.Publish(t, "msg_4", testkit.Body("user.deleted", noon.Add(40*time.Minute), testkit.Data{"id": "user_1", "deleted": true}))
	now := o.mustAsOf(t, "user_1", Point{})
	if s := now.readModel(t, "users"); s.Presence != Deleted || s.SetBy != deleted || len(s.Columns) != 0 {
		t.Errorf("after its deletion it is %+v", s)
	}
	changed := map[string]PastChange{}
	for _, c := range clerk.Changes(h) {
		changed[c.Column] = c
	}
	if len(changed) != 5 || changed["last_name"].From.Value.Text != "Byron" || changed["last_name"].To.SetBy != second || !changed["username"].To.Value.Null {
		t.Errorf("from 12:15 to now it changed by %+v", changed)
	}
	if gone := h.Changes(now); len(gone) < 10 || gone[0].Column != presenceColumn || gone[0].To.Value.Text != string(Deleted) {
		t.Errorf("by its deletion it changed by %+v", gone)
	}
}

func TestAsOfSaysWhatCouldNotCompete(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	good := b.Publish(t, "msg_1", named("user_1", noon, "good"))
	b.Publish(t, "msg_2", named("user_1", noon.Add(time.Minute), "undecodable"))
	b.Publish(t, "msg_3", named("user_1", noon.Add(2*time.Minute), "refused"))
	end := b.Publish(t, "msg_4", named("user_1", time.Now().Add(48*time.Hour), "ahead"))
	b.project(t, b.pickyConfig(), end)
	h := b.operator(t, b.pickyConfig()).mustAsOf(t, "user_1", Point{})
	if s := h.readModel(t, "users"); s.SetBy != good {
		t.Errorf("the row is told to be of message %d", s.SetBy)
	}
	for i, want := range []string{"", "users: decode", "users: refused_", "clock_ahead"} {
		if have := strings.Join(h.Events[i].Aside, ", "); !strings.HasPrefix(have, want) || (have == "") != (want == "") {
			t.Errorf("message %d is put aside for %q, want %q", h.Events[i].Sequence, have, want)
		}
	}
	if _, err := b.operator(t, b.pickyConfig()).AsOf(t.Context(), AsOfOptions{Entity: "user_2"}); !errors.Is(err, ErrNoEvents) {
		t.Errorf("of a user whom nobody knows it says %v", err)
	}
}
