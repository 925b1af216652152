package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSendPostsASample(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	if out, code := command(t, "send", "user.created", "--url", e.URL, "--secret", testSecret); code != 0 || e.count("user.created") != 1 {
		t.Errorf("exit %d, %d users: %s", code, e.count("user.created"), out)
	}
}

func TestSendListsTypesWithoutASecret(t *testing.T) {
	t.Parallel()
	if out, code := command(t, "send"); code != 0 || !strings.HasPrefix(out, "user.created\n") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func TestNothingIsPostedWithoutASecret(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	body := filepath.Join(t.TempDir(), "body.json")
	if err := os.WriteFile(body, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, verb := range [][]string{
		{"send", "user.created"}, {"send", "user.created", "--secret="}, {"send", "user.created", "--secret=whsec_"}, {"send", "--body", body},
		{"sim"}, {"sim", "run", "--secret="}, {"sim", "--listen", "127.0.0.1:0"},
	} {
		out, code := command(t, append(verb, "--url", e.URL)...)
		if code != 2 || !strings.HasPrefix(out, "clerkstream: wrong setting: --secret, CLERK_WEBHOOK_SIGNING_SECRET: is missing") || strings.Count(out, "\n") != 1 {
			t.Errorf("%v: exit %d: %s", verb, code, out)
		}
	}
	if len(e.heard) > 0 {
		t.Errorf("heard %v", e.heard)
	}
}
