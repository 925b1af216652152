// Command contract writes what clerkstream promises to readers in any language: a JSON Schema of each event type and an AsyncAPI document of the
// stream, into the folder schema. Both are made from the code that keeps the promise, and a test fails while they differ.
//
//	go run ./internal/contract [root of the checkout]
package main

import (
	"fmt"
	"os"
	"path"
)

func main() {
	root := "."
	if len(os.Args) > 1 {
		root = os.Args[1]
	}
	if err := write(root); err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		os.Exit(1)
	}
}

// write brings the folder schema up to date. What no type stands for any more is removed.
func write(checkout string) error {
	files, err := contract(checkout)
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(checkout)
	if err != nil {
		return fmt.Errorf("open the checkout: %w", err)
	}
	defer root.Close()
	if err := root.RemoveAll(eventsFolder); err != nil {
		return fmt.Errorf("remove the old schemas: %w", err)
	}
	for name, text := range files {
		if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return fmt.Errorf("make a folder for %s: %w", name, err)
		}
		if err := root.WriteFile(name, text, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	return nil
}
