package architectures

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/clerkstream/clerkstream/internal/clerksim"
	"github.com/clerkstream/clerkstream/internal/testkit"
)

// A welcome is sent once for each user: although the webhook comes twice, by two endpoints, and again after the service was killed and started. This test
// kills what the others use, so it is not parallel to them.
func TestAWelcomeIsSentOnceWhateverIsRepeatedOrKilled(t *testing.T) { //nolint:paralleltest // see above
	b := shared
	first := signUpMessage(t)
	b.deliver(t, first, "msg_"+first.EntityID)
	b.welcomed(t, first.EntityID)

	b.deliver(t, first, "msg_"+first.EntityID)      // as Svix does when an answer was lost
	b.deliver(t, first, "msg_other"+first.EntityID) // as a second endpoint does: another id, the same fact
	if err := b.orders.kill(); err != nil {
		t.Fatal(err)
	}
	second := signUpMessage(t)
	b.deliver(t, second, "msg_"+second.EntityID)
	b.deliver(t, first, "msg_third"+first.EntityID)
	if err := b.orders.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.welcomed(t, second.EntityID) // which the stream kept meanwhile; the repetition lies behind it
	b.deliver(t, signUpMessage(t), "msg_last")
	b.eventually(t, 0, `
select count(*) from (select $1::text id union select $2) u where (select count(*) from orders.welcomes w where w.user_id = u.id and w.sent_at is not null) <> 1`,
		first.EntityID, second.EntityID)
	b.handledAll(t)
	for _, user := range []string{first.EntityID, second.EntityID} {
		if n := b.welcomes(user); n != 1 {
			t.Errorf("%s was welcomed %d times", user, n)
		}
	}
	if strings.Contains(b.log.String(), "@") {
		t.Error("there is an e-mail address in the log")
	}
}

// welcomes counts the lines in the logs of all processes there were.
func (b *bed) welcomes(user string) int {
	return strings.Count(b.log.String(), "msg=welcome program=orders user_id="+user+"\n")
}

// welcomed waits until the welcome is sent and written down as sent.
func (b *bed) welcomed(t *testing.T, user string) {
	t.Helper()
	b.eventually(t, 1, `select count(*) from orders.welcomes where user_id = $1 and sent_at is not null`, user)
}

// handledAll waits until the service has dealt with everything that the stream holds.
func (b *bed) handledAll(t *testing.T) {
	t.Helper()
	consumer, err := b.Stream.Consumer(t.Context(), "orders")
	if err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, func() error {
		info, err := consumer.Info(t.Context())
		if err != nil {
			return err
		}
		if info.NumPending+uint64(info.NumAckPending) > 0 {
			return fmt.Errorf("%d pending, %d in hand", info.NumPending, info.NumAckPending)
		}
		return nil
	})
}

// signUpMessage is a webhook about somebody whom no other test knows.
func signUpMessage(t *testing.T) clerksim.Message {
	t.Helper()
	elsewhere := clerksim.NewClerk(clerksim.ClerkConfig{World: clerksim.Config{Seed: uint64(time.Now().UnixNano()), Users: 1, Organizations: 1, Changes: -1, OddRate: -1}})
	for m, ok := elsewhere.Next(); ok; m, ok = elsewhere.Next() {
		if m.Type == "user.created" {
			return m
		}
	}
	t.Fatal("nobody signed up")
	return clerksim.Message{}
}

// deliver posts a webhook under an id of the test's choice, and expects that it is taken.
func (b *bed) deliver(t *testing.T, m clerksim.Message, id string) {
	t.Helper()
	if err := testkit.Post(t.Context(), client, b.WebhookURL(), b.Secret, id, m.Body); err != nil {
		t.Fatal(err)
	}
}

// Who leaves an organization leaves the open orders to others. What is done stays as it was done, and other organizations' orders are none of it.
func TestTheOrdersOfAMemberWhoLeftWaitForSomebodyElse(t *testing.T) {
	t.Parallel()
	b := shared
	acme, globex := b.company(t, "Acme"), b.company(t, "Globex")
	if _, err := b.Clerk().AddMember(globex.id, acme.member, "org:member"); err != nil {
		t.Fatal(err)
	}
	b.eventually(t, 1, `select count(*) from clerk.organization_memberships where organization_id = $1 and user_id = $2`, globex.id, acme.member)
	ada, gil := b.as(t, acme.admin, acme.id), b.as(t, globex.admin, globex.id)
	assigned := func(c caller, to, change string) string {
		path := "/orders/" + c.places(t, "anvil").ID
		c.expect(t, http.MethodPatch, path, `{"assignee_id": "`+to+`"`+change+`}`, http.StatusOK, nil)
		return path
	}
	open, paid := assigned(ada, acme.member, ""), assigned(ada, acme.member, `, "status": "paid"`)
	others, elsewhere := assigned(ada, acme.admin, ""), assigned(gil, acme.member, "")
	if err := b.Clerk().RemoveMember(acme.id, acme.member); err != nil {
		t.Fatal(err)
	}
	var seen order
	testkit.Eventually(t, func() error {
		if ada.get(t, open, &seen); seen.AssigneeID != nil {
			return fmt.Errorf("the open order is still %s's", *seen.AssigneeID)
		}
		return nil
	})
	for path, c := range map[string]caller{paid: ada, elsewhere: gil, others: ada} {
		var kept order
		if c.get(t, path, &kept); kept.AssigneeID == nil {
			t.Errorf("%s lost its assignee", path)
		}
	}
	// A former member's name is no longer the organization's business, as soon as the read model knows too: it follows the stream by itself.
	testkit.Eventually(t, func() error {
		var done order
		if ada.get(t, paid, &done); done.Assignee != nil {
			return fmt.Errorf("the admin still sees the name %s", *done.Assignee)
		}
		return nil
	})
}
