package checkup

import (
	"context"
	"strings"

	"github.com/clerkstream/clerkstream/internal/ingest"
	"github.com/clerkstream/clerkstream/internal/settings"
)

const whereSecret = "copy the signing secret of the endpoint from Clerk's dashboard, Webhooks"

// webhookSecret holds the secrets against the very rules by which ingest refuses to start.
func (s *site) webhookSecret(context.Context) Line {
	if len(s.WebhookSecrets) == 0 {
		return skipped("set CLERK_WEBHOOK_SIGNING_SECRET as ingest has it", "no webhook secret is given")
	}
	const name = "CLERK_WEBHOOK_SIGNING_SECRET"
	var problems settings.Problems
	ingest.Config{
		Instances: []ingest.Instance{{Name: s.Instance, Secrets: s.WebhookSecrets, SecretsName: name}}, NATS: settings.NATS{URL: "nats://127.0.0.1"},
	}.Validate(&problems)
	if err := problems.Err(); err != nil {
		return failure(whereSecret+", and restart ingest", "%s", strings.TrimPrefix(short(err), "wrong setting: "+name+": "))
	}
	if n := len(s.WebhookSecrets); n > 1 {
		return fine("%s, each whsec_ and base64: one is on its way out", counted(n, "secret"))
	}
	return fine("whsec_ and base64, long enough")
}

// environmentOf tells what Clerk's key prefixes say: sk_live_ and sk_test_.
func environmentOf(key string) string {
	switch {
	case strings.HasPrefix(key, "sk_live_"):
		return "production"
	case strings.HasPrefix(key, "sk_test_"):
		return "development"
	}
	return ""
}

const whereKey = "copy the secret key (sk_live_… or sk_test_…) from Clerk's dashboard, API keys"

func (s *site) keyForm(context.Context) Line {
	switch environment := environmentOf(s.SecretKey); {
	case s.SecretKey == "":
		return skipped("set CLERK_SECRET_KEY as `clerkstream watch` has it", "no API key is given")
	case strings.HasPrefix(s.SecretKey, "pk_"):
		return failure(whereKey, "it is a publishable key (pk_…), which the Backend API refuses")
	case strings.HasPrefix(s.SecretKey, "whsec_"):
		return failure(whereKey, "it is a webhook secret (whsec_…)")
	case environment == "":
		return failure(whereKey, "it begins with neither sk_live_ nor sk_test_")
	case strings.ContainsAny(s.SecretKey, " \t\r\n\"'"):
		return failure(whereKey, "it has white space or quotes in it")
	default:
		return fine("a key of a %s instance", environment)
	}
}
