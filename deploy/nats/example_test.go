package broker_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	broker "github.com/clerkstream/clerkstream/deploy/nats"
)

// Each Clerk environment has a stream of its own, whose settings are those of stream.json.
func ExampleStreamConfig() {
	stream, err := broker.StreamConfig("staging", broker.Settings{Replicas: 3})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stream.Name, stream.Subjects, stream.Replicas, stream.Storage, stream.Discard)
	// Output: CLERK_STAGING [clerk.staging.>] 3 File DiscardNew
}

// Provision makes the stream, or mends the settings of the one that is there; then the broker says what an acknowledgement of it is worth.
func ExampleProvision() {
	ctx := context.Background()
	conn, err := nats.Connect("nats://operator:secret@127.0.0.1:4222")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	js, err := jetstream.New(conn)
	if err != nil {
		log.Print(err)
		return
	}
	outcome, err := broker.Provision(ctx, js, "prod", broker.Settings{Replicas: 3})
	if err != nil {
		log.Print(err)
		return
	}
	durability, err := broker.DurabilityOf(ctx, js, broker.StreamName("prod"), []string{"http://127.0.0.1:8222"}, http.DefaultClient)
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(outcome, durability.Replicas, durability.Fsync, durability.Problems)
}
