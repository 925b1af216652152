package auth_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// Verifiers and key sets of one process share one registry, and what each counts is told by code.
func TestOutcomesAreCounted(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	registry := prometheus.NewPedanticRegistry()
	keys := b.keySet(t, func(cfg *auth.KeySetConfig) { cfg.Metrics = registry })
	b.keySet(t, func(cfg *auth.KeySetConfig) { cfg.Metrics, cfg.Issuer = registry, "https://another.example.com" })
	metered := func(cfg *auth.Config) { cfg.Metrics, cfg.Issuers = registry, []*auth.KeySet{keys} }
	v, twin := b.verifier(t, metered), b.verifier(t, metered)

	b.answers(down)
	refuse(t, v, b.token(t, clerksim.TokenSpec{}), auth.CodeKeysUnavailable)
	b.answers(nil)
	b.clock.add(10 * time.Second)
	accept(t, v, b.token(t, clerksim.TokenSpec{}))
	accept(t, twin, b.token(t, clerksim.TokenSpec{}))
	refuse(t, v, "x", auth.CodeTokenMalformed)

	text := exposed(t, registry)
	for _, want := range []string{
		`clerkstream_auth_tokens_total{outcome="accepted"} 2`,
		`clerkstream_auth_tokens_total{outcome="token_malformed"} 1`,
		`clerkstream_auth_tokens_total{outcome="keys_unavailable"} 1`,
		`clerkstream_auth_tokens_total{outcome="token_expired"} 0`, // shown from the start
		`clerkstream_auth_key_fetches_total{issuer="` + b.Issuer() + `",result="ok"} 1`,
		`clerkstream_auth_key_fetches_total{issuer="` + b.Issuer() + `",result="failed"} 1`,
		`clerkstream_auth_keys_fetched_timestamp_seconds{issuer="https://another.example.com"} 0`,
		`clerkstream_auth_alerts_total{alert="permissions_ambiguous"} 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}

func exposed(t *testing.T, registry *prometheus.Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	return w.Body.String()
}

// Permissions that can be read in two ways are an alert, each time as a number and once a minute in words.
func TestAmbiguousPermissionsAreAnAlert(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	registry := prometheus.NewPedanticRegistry()
	var log bytes.Buffer
	v := b.verifier(t, func(cfg *auth.Config) { cfg.Metrics, cfg.Log = registry, slog.New(slog.NewTextHandler(&log, nil)) })
	token := b.edited(t, map[string]any{"fea": "o:a,u:b", "o": map[string]any{"id": "org_2a", "rol": "admin", "per": "read", "fpm": "1,1"}})
	for range 3 {
		if id := accept(t, v, token); len(id.Permissions) > 0 || id.Role != "org:admin" {
			t.Errorf("granted %q, role %q", id.Permissions, id.Role)
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 1 || strings.Contains(log.String(), "user_") {
		t.Errorf("logged %s", &log)
	}
	if text := exposed(t, registry); !strings.Contains(text, `clerkstream_auth_alerts_total{alert="permissions_ambiguous"} 3`) {
		t.Errorf("not counted in\n%s", text)
	}
	b.clock.add(time.Minute)
	accept(t, v, b.edited(t, map[string]any{"fea": "o:a,u:b", "o": map[string]any{"id": "org_2a", "per": "read", "fpm": "1,1"}}))
	if lines := strings.Count(log.String(), "\n"); lines != 2 {
		t.Errorf("logged %d lines in two minutes", lines)
	}
}
