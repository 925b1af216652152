package migrate_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/clerkstream/clerkstream/schema/migrate"
)

// What clerkstream migrate does, for a service that migrates its database itself. The login may create schemas and roles, and serves no request.
func ExampleUp() {
	from, to, err := migrate.Up(context.Background(), os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("operational schema", from, "is", to)
}
