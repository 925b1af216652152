package projector

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
	"github.com/clerkstream/clerkstream/internal/testkit"
	"github.com/clerkstream/clerkstream/projections"
)

// backlogUser is a user event of 2.2 KB with an e-mail and an external account, as Clerk sends it.
func backlogUser(user, change int) []byte {
	at := noon.Add(time.Duration(change) * time.Second).UnixMilli()
	body := fmt.Sprintf(`{"data":{"id":"user_3A%025d","object":"user","username":"user%d","first_name":"Ada","last_name":"Okafor %d","locale":"en-US",`+
		`"image_url":"https://img.clerk.com/eyJ0eXBlIjoiZGVmYXVsdCIsImlpZCI6Imluc18zQSJ9","has_image":false,"primary_email_address_id":"idn_3A%025d","primary_phone_number_id":null,`+
		`"primary_web3_wallet_id":null,"password_enabled":true,"two_factor_enabled":false,"totp_enabled":false,"backup_code_enabled":false,"email_addresses":[{"id":"idn_3A%025d",`+
		`"object":"email_address","email_address":"user%d@northwind.example","reserved":false,"verification":{"object":"verification_otp","status":"verified","strategy":"email_code",`+
		`"attempts":1,"expire_at":1785749100000},"linked_to":[{"type":"oauth_google","id":"idn_3B%025d"}],"matches_sso_connection":false,"created_at":1785748500000,"updated_at":1785748500150}],`+
		`"phone_numbers":[],"web3_wallets":[],"passkeys":[],"external_accounts":[{"object":"google_account","id":"idn_3B%025d","provider":"oauth_google","identification_id":"idn_3B%025d",`+
		`"provider_user_id":"10000000000%d","approved_scopes":"email openid profile","email_address":"user%d@northwind.example","email_address_verified":true,"first_name":"Ada","last_name":"Okafor",`+
		`"image_url":"https://img.clerk.com/eyJ0eXBlIjoicHJveHkifQ","username":"","public_metadata":{},"label":null,"created_at":1785748500000,"updated_at":1785748500000,`+
		`"verification":{"object":"verification_oauth","status":"verified","strategy":"oauth_google","attempts":null,"expire_at":1785749100000}}],"saml_accounts":[],"enterprise_accounts":[],`+
		`"password_last_updated_at":1785748500000,"public_metadata":{"tier":"founder"},"unsafe_metadata":{"theme":"dark"},"external_id":null,"last_sign_in_at":1785748500170,"banned":false,`+
		`"locked":false,"deprovisioned":false,"lockout_expires_in_seconds":null,"verification_attempts_remaining":100,"created_at":1785748500000,"updated_at":%d,"delete_self_enabled":true,`+
		`"create_organization_enabled":true,"create_organizations_limit":null,"last_active_at":1785715200000,"mfa_enabled_at":null,"mfa_disabled_at":null,"legal_accepted_at":1785748500000},`+
		`"event_attributes":{"http_request":{"client_ip":"203.0.113.24","user_agent":"%s"}},"instance_id":"ins_3A","object":"event","timestamp":%d,"type":"user.updated"}`,
		user, user, change, user, user, user, user, user, user, user, user, at, strings.Repeat("Mozilla ", 10), at+20)
	return []byte(body)
}

// fillBacklog publishes n events over the given number of users, as fast as the broker takes them.
func fillBacklog(b *testing.B, log *testkit.Log, n, users int) {
	b.Helper()
	js, err := jetstream.New(log.JS.Conn(), jetstream.WithPublishAsyncMaxPending(4000))
	if err != nil {
		b.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		e := log.Event(fmt.Sprintf("msg_3A%023d", i), backlogUser(random.IntN(users), i))
		if _, err := js.PublishMsgAsync(testkit.Message(e), jetstream.WithStallWait(time.Minute)); err != nil {
			b.Fatal(err)
		}
	}
	<-js.PublishAsyncComplete()
}

// BenchmarkBacklog measures the live path from a backlog, beside the floor: a bare ordered consumer that reads the same stream in the same run.
func BenchmarkBacklog(b *testing.B) {
	const messages, users = 400_000, 40_000
	// As Main does; its memory limit is left out, for the broker is in this process too.
	debug.SetGCPercent(300)
	log, url := stack.Log(b), stack.Database(b)
	fillBacklog(b, log, messages, users)
	conn := testkit.Connect(b, url)
	for b.Loop() {
		floor, err := readAll(b.Context(), log.JS, broker.StreamName(log.Instance), messages)
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		began := time.Now()
		err = Run(ctx, Config{
			Service: "bench", Instance: log.Instance, DatabaseURL: url, NATSURL: log.URL, Projections: projections.All(),
			Observe: func(c Commit) {
				if c.Sequence == messages {
					cancel()
				}
			},
		})
		took := time.Since(began)
		if err != nil {
			b.Fatal(err)
		}
		var rows int
		if err := conn.QueryRow(b.Context(), `select count(*) from clerk.users`).Scan(&rows); err != nil || rows < users/2 {
			b.Fatalf("%d rows: %v", rows, err)
		}
		if _, err := conn.Exec(b.Context(), `drop schema clerk, clerk_g1 cascade; delete from clerkstream.generations`); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(messages/took.Seconds(), "events/s")
		b.ReportMetric(messages/floor.Seconds(), "floor-events/s")
		b.ReportMetric(floor.Seconds()/took.Seconds(), "of-floor")
	}
}

// readAll is the floor: a bare ordered consumer that reads n messages and does nothing with them.
func readAll(ctx context.Context, js jetstream.JetStream, stream string, n int) (time.Duration, error) {
	began := time.Now()
	consumer, err := js.OrderedConsumer(ctx, stream, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return 0, err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(5000))
	if err != nil {
		return 0, err
	}
	defer messages.Stop()
	for read := 0; read < n; {
		_, err := messages.Next()
		switch {
		case err == nil:
			read++
		case !errors.Is(err, jetstream.ErrNoHeartbeat): // a stall of the machine, which the consumer gets over
			return 0, err
		}
	}
	return time.Since(began), nil
}
