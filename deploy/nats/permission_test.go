package broker_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
)

// request is one thing a user may try: a subject, and a body that a server would
// act upon.
type request struct {
	name    string
	subject string
	body    string
	// who gets an answer; everybody else gets a permission violation.
	allowed string
}

// The letters in allowed.
var letters = map[string]string{
	broker.UserIngest: "i", broker.UserProjector: "p", broker.UserSubscriber: "s",
	broker.UserOperator: "o", broker.UserMonitor: "m", broker.UserWatch: "w",
}

// subject fills a template of nats-server for the stream and, where there are
// more, the consumer and what follows.
func subject(template string, rest ...any) string {
	return fmt.Sprintf(template, append([]any{"CLERK_PROD"}, rest...)...)
}

// requests holds every JetStream API subject of nats-server 2.15.2.
// i ingest, w watch, p projector, s subscriber, o operator.
func requests() []request {
	const (
		ordered = `{"stream_name":"CLERK_PROD","config":{"name":"%s","ack_policy":"none","mem_storage":true,"inactive_threshold":60000000000}}`
		durable = `{"stream_name":"CLERK_PROD","config":{"durable_name":"%s","name":"%[1]s","ack_policy":"explicit","filter_subject":"clerk.prod.user.>"}}`
		legacy  = `{"stream_name":"CLERK_PROD","config":{"ack_policy":"none","inactive_threshold":60000000000}}`
		scratch = `{"name":"SCRATCH","subjects":["scratch.>"],"retention":"limits","max_consumers":-1,"max_msgs":-1,"max_bytes":-1,"max_age":0,"storage":"memory","num_replicas":1,"discard":"old"}`
	)
	return []request{
		{"append an event", "clerk.prod.user.user_1.updated", `{}`, "iow"},
		{"append to another instance", "clerk.staging.user.user_1.updated", `{}`, "iow"},
		{"publish elsewhere", "elsewhere", `{}`, "o"},
		{"ask for an object", broker.HydrateSubject("prod"), `{}`, "pso"},
		{"account info", server.JSApiAccountInfo, ``, "o"},

		{"stream info", subject(server.JSApiStreamInfoT), ``, "ipsow"},
		{"stream names", server.JSApiStreams, ``, "o"},
		{"stream list", server.JSApiStreamList, ``, "o"},
		{"stream create", fmt.Sprintf(server.JSApiStreamCreateT, "SCRATCH"), scratch, "o"},
		{"stream update", fmt.Sprintf(server.JSApiStreamUpdateT, "SCRATCH"), scratch, "o"},
		{"stream snapshot", subject(server.JSApiStreamSnapshotT), `{}`, "o"},
		{"stream restore", subject(server.JSApiStreamRestoreT), `{}`, "o"},
		{"stream leader step-down", subject(server.JSApiStreamLeaderStepDownT), ``, "o"},
		{"stream peer remove", subject(server.JSApiStreamRemovePeerT), `{"peer":"x"}`, "o"},
		{"stream peer evacuate", subject(server.JSApiStreamEvacuatePeerT), `{"peer":"x"}`, "o"},
		{"stream cancel move", subject(server.JSApiStreamCancelMoveT), `{}`, "o"},

		{"get message", subject(server.JSApiMsgGetT), `{"seq":1}`, "psow"},
		{"get message directly", subject(server.JSDirectMsgGetT), `{"seq":1}`, "psow"},
		{"get last of subject directly", subject(server.JSDirectGetLastBySubjectT, "clerk.prod.user.user_0.created"), ``, "psow"},

		{"consumer create", subject("$JS.API.CONSUMER.CREATE.%s.%s", "c1"), fmt.Sprintf(ordered, "c1"), "psow"},
		{"consumer info", subject(server.JSApiConsumerInfoT, "c1"), ``, "psow"},
		{"consumer next message", subject(server.JSApiRequestNextT, "c1"), `{"batch":1,"no_wait":true}`, "psow"},
		{"consumer delete", subject(server.JSApiConsumerDeleteT, "c1"), ``, "psow"},
		{"consumer create with a filter", subject(server.JSApiConsumerCreateExT, "c2", "clerk.prod.user.>"),
			strings.Replace(fmt.Sprintf(ordered, "c2"), `"ack_policy"`, `"filter_subject":"clerk.prod.user.>","ack_policy"`, 1), "sow"},
		{"consumer create, durable, with a filter", subject(server.JSApiConsumerCreateExT, "c3", "clerk.prod.user.>"), fmt.Sprintf(durable, "c3"), "sow"},
		{"consumer create, legacy", subject(server.JSApiConsumerCreateT), legacy, "o"},
		{"consumer create, legacy durable", subject(server.JSApiDurableCreateT, "c4"), fmt.Sprintf(durable, "c4"), "o"},
		{"consumer names", subject(server.JSApiConsumersT), ``, "o"},
		{"consumer list", subject(server.JSApiConsumerListT), ``, "o"},
		{"consumer pause", subject(server.JSApiConsumerPauseT, "c3"), `{}`, "o"},
		{"consumer reset", subject(server.JSApiConsumerResetT, "c3"), `{"seq":1}`, "so"},
		{"consumer unpin", subject(server.JSApiConsumerUnpinT, "c3"), `{"group":"g"}`, "o"},
		{"consumer leader step-down", subject(server.JSApiConsumerLeaderStepDownT, "c3"), ``, "o"},
		{"consumer peer remove", subject(server.JSApiConsumerRemovePeerT, "c3"), `{"peer":"x"}`, "o"},
		{"consumer peer evacuate", subject(server.JSApiConsumerEvacuatePeerT, "c3"), `{"peer":"x"}`, "o"},

		// The destructive ones last: the operator's do take effect.
		{"message delete", subject(server.JSApiMsgDeleteT), `{"seq":1}`, "o"},
		{"stream purge", subject(server.JSApiStreamPurgeT), `{}`, "o"},
		{"stream delete", subject(server.JSApiStreamDeleteT), ``, "o"},
	}
}

// silent are subjects that nobody answers: only whether the server complains about
// the publisher can be seen.
func silent() []request {
	return []request{
		{"acknowledge", "$JS.ACK.CLERK_PROD.c9.1.1.1.1700000000000000000.0", `+ACK`, "so"},
		{"flow control", "$JS.FC.CLERK_PROD.c9.abcd", ``, "o"},
		{"meta leader step-down", server.JSApiLeaderStepDown, ``, "o"}, // allowed, and ignored outside SYS
		{"remove server", server.JSApiRemoveServer, `{"peer":"x"}`, "o"},
		{"purge account", fmt.Sprintf(server.JSApiAccountPurgeT, "CLERK"), ``, "o"},
		{"reload a server", "$SYS.REQ.SERVER.x.RELOAD", ``, "o"}, // outside SYS, a subject like any other
		{"an operator's inbox", "_INBOX.stolen", ``, "o"},
	}
}

func TestEachUserMayDoItsOwnWorkAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, user := range []string{broker.UserIngest, broker.UserProjector, broker.UserSubscriber, broker.UserWatch, broker.UserMonitor, broker.UserOperator} {
		t.Run(user, func(t *testing.T) {
			t.Parallel()
			s := startBroker(t)
			operator := provision(t, s)
			if _, err := operator.js.Publish(t.Context(), "clerk.prod.user.user_0.created", []byte(`{}`)); err != nil {
				t.Fatal(err)
			}
			c := connectAs(t, s, user)
			for _, r := range requests() {
				checkRequest(t, c, r, strings.Contains(r.allowed, letters[user]))
			}
			for _, r := range silent() {
				checkPublish(t, c, r, strings.Contains(r.allowed, letters[user]))
			}
			if user == broker.UserOperator {
				return
			}
			// A violation could be reported and the request obeyed all the same.
			if _, err := broker.Open(t.Context(), operator.js, "prod"); err != nil {
				t.Errorf("after everything %s tried: %v", user, err)
			}
			want := uint64(1)
			if user == broker.UserIngest || user == broker.UserWatch {
				want = 2
			}
			if got := lastSeq(t, operator, "prod"); got != want {
				t.Errorf("stream ends at %d, want %d", got, want)
			}
		})
	}
}

// checkRequest asks and takes what comes first: an answer or a violation.
func checkRequest(t *testing.T, c *client, r request, allowed bool) {
	t.Helper()
	before := c.LastError()
	inbox := c.NewInbox()
	answers, err := c.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	defer answers.Unsubscribe()
	if err := c.PublishRequest(r.subject, inbox, []byte(r.body)); err != nil {
		t.Fatal(err)
	}
	var answered, refused bool
	eventually(t, "an answer to: "+r.name, func() bool {
		_, err := answers.NextMsg(10 * time.Millisecond)
		switch {
		case err == nil:
			answered = true
			return true
		case errors.Is(err, nats.ErrNoResponders):
			answered = !strings.HasPrefix(r.subject, "clerk.") && !strings.HasPrefix(r.subject, "$") // it got through to where nobody is
			return true
		case !errors.Is(err, nats.ErrTimeout):
			t.Fatal(err)
		}
		refused = c.refusedSince(before)
		return refused
	})
	if answered != allowed {
		t.Errorf("%s (%s): answered %v, refused %v, want allowed %v", r.name, r.subject, answered, refused, allowed)
	}
}

func checkPublish(t *testing.T, c *client, r request, allowed bool) {
	t.Helper()
	before := c.LastError()
	if err := c.Publish(r.subject, []byte(r.body)); err != nil {
		t.Fatal(err)
	}
	// The server answers in order: a violation comes before the pong.
	if err := c.Flush(); err != nil {
		t.Fatal(err)
	}
	if refused := c.refusedSince(before); refused == allowed {
		t.Errorf("%s (%s): refused %v (%v), want allowed %v", r.name, r.subject, refused, c.LastError(), allowed)
	}
}

func TestWhoMayListenToWhat(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	for _, tc := range []struct{ subject, allowed string }{
		{"clerk.prod.>", "o"},
		{">", "o"},
		{"*.*", "o"},
		{"_INBOX.>", "psom"},
		{"_INBOX.*.*", "psom"},
		{broker.IngestInbox + ".>", "io"},
		{broker.WatchInbox + ".>", "wo"},
		{broker.HydrateSubject("*"), "wo"},
		{"$JS.EVENT.ADVISORY.>", "o"},
		{"$JS.API.>", "o"},
		{"$JS.ACK.>", "o"},
		{"$SYS.SERVER.>", "mo"}, // in the operator's account nothing comes there
	} {
		for user, letter := range letters {
			t.Run(user+" "+tc.subject, func(t *testing.T) {
				t.Parallel()
				c := connectAs(t, s, user)
				if _, err := c.SubscribeSync(tc.subject); err != nil {
					t.Fatal(err)
				}
				if err := c.Flush(); err != nil {
					t.Fatal(err)
				}
				if refused := c.LastError() != nil; refused == strings.Contains(tc.allowed, letter) {
					t.Errorf("refused %v (%v)", refused, c.LastError())
				}
			})
		}
	}
}

func TestMonitorReadsTheServersAndNothingMore(t *testing.T) {
	t.Parallel()
	s := startBroker(t)
	monitor := connectAs(t, s, broker.UserMonitor)
	reply, err := monitor.Request("$SYS.REQ.SERVER.PING.VARZ", nil, 5*time.Second)
	if err != nil || !strings.Contains(string(reply.Data), `"server_name":"clerkstream"`) {
		t.Fatalf("ask the servers: %v", err)
	}
	for _, r := range []request{
		{name: "reload", subject: "$SYS.REQ.SERVER." + monitor.ConnectedServerId() + ".RELOAD"},
		{name: "lame duck", subject: "$SYS.REQ.SERVER." + monitor.ConnectedServerId() + ".LDM", body: `{"cid":1}`},
		{name: "kick", subject: "$SYS.REQ.SERVER." + monitor.ConnectedServerId() + ".KICK", body: `{"cid":1}`},
		{name: "meta step-down", subject: server.JSApiLeaderStepDown},
		{name: "purge account", subject: fmt.Sprintf(server.JSApiAccountPurgeT, "CLERK")},
		{name: "append", subject: "clerk.prod.user.user_1.updated"},
	} {
		checkPublish(t, monitor, r, false)
	}
}
