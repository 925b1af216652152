package schema_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/clerkstream/clerkstream/schema"
)

// The contract is in the binary: any JSON Schema library can check a message with it, or make types of it.
func Example_events() {
	text, err := schema.Events.ReadFile("events/user.deleted.json")
	if err != nil {
		fmt.Println(err)
		return
	}
	var of struct {
		Title      string `json:"title"`
		Properties struct {
			Data struct {
				Ref string `json:"$ref"`
			} `json:"data"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(text, &of); err != nil {
		fmt.Println(err)
		return
	}
	types, err := fs.Glob(schema.Events, "events/user.*.json")
	fmt.Println(of.Title, of.Properties.Data.Ref, len(types), err)
	// Output: user.deleted parts/user.json 3 <nil>
}

func Example_asyncAPI() {
	for line := range strings.Lines(schema.AsyncAPI) {
		if strings.HasPrefix(line, "asyncapi:") {
			fmt.Print(line)
		}
	}
	// Output: asyncapi: 3.0.0
}

// Check refuses a database whose operational schema is not this code's.
func ExampleCheck() {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	switch err := schema.Check(ctx, conn); {
	case errors.Is(err, schema.ErrTooOld):
		log.Print("run clerkstream migrate: ", err)
	case err != nil:
		log.Print(err)
	}
}
