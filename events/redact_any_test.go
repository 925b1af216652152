package events_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A fuzzer that flips bytes seldom writes a body with structure, so here bodies are grown: every name that matters at every depth, in
// every type, with odd white space, escapes and repeated names.
func TestAnyBodyIsRedactedByTheRules(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		typ := rapid.SampledFrom([]string{
			"user.updated", "email.created", "sms.created", "organizationInvitation.created", "invitation.created", "waitlistEntry.updated",
			"session.created", "no type", "a.b",
		}).Draw(t, "type")
		body := fmt.Sprintf(`{"type":"%s","data":{"id":"x_1",%s%s:%s},%s%s:%s}`, typ,
			space(t), aName(t), aValue(t, 4), space(t), aName(t), aValue(t, 3))
		checkRedaction(t, []byte(body), rapid.Bool().Draw(t, "keep private"))
	})
}

func space(t *rapid.T) string {
	return rapid.SampledFrom([]string{"", "", "", " ", "\t", "\r", "\n", "\r\n \t"}).Draw(t, "space")
}

func aName(t *rapid.T) string {
	name := rapid.OneOf(rapid.SampledFrom([]string{
		"otp_code", "backup_codes", "private_metadata", "external_verification_redirect_url", "url", "invitation", "organization_invitation",
		"data", "subject", "body", "body_plain", "message", "action_url", "magic_link", "ticket", "token", "a/b", "m~n", "x,y", "", "id", "type",
	}), rapid.StringN(0, 4, -1)).Draw(t, "name")
	return written(t, name)
}

func aString(t *rapid.T) string {
	text := rapid.OneOf(rapid.SampledFrom([]string{
		"https://a.example/?ticket=1", "https://a.example/?token=1", "ticket=1", "a%2fb%3FTicket%3D1", "token=", "/TOKEN%3d", "otp_code", "\\", `\"`, `{"otp_code":1}`,
	}), rapid.StringN(0, 6, -1)).Draw(t, "text")
	return written(t, text)
}

// written is s as a JSON string, with some of its characters hidden behind escapes.
func written(t *rapid.T, s string) string {
	plain := quoted(s)
	if s == "" || !rapid.Bool().Draw(t, "escaped") || strings.ContainsAny(plain[1:len(plain)-1], `\"`) {
		return plain
	}
	r := []rune(s)
	i := rapid.IntRange(0, len(r)-1).Draw(t, "escape")
	if r[i] > 0xffff || r[i] == 0xfffd {
		return plain
	}
	return `"` + string(r[:i]) + fmt.Sprintf(`\u%04x`, r[i]) + string(r[i+1:]) + `"`
}

func aValue(t *rapid.T, depth int) string {
	kind := rapid.IntRange(0, 6).Draw(t, "kind")
	if depth == 0 {
		kind %= 4
	}
	var parts []string
	switch kind {
	case 0, 1:
		return space(t) + aString(t) + space(t)
	case 2:
		return rapid.SampledFrom([]string{"0", "-1.5e+7", "1e400000"}).Draw(t, "number") + space(t)
	case 3:
		return rapid.SampledFrom([]string{"null", "true", " false"}).Draw(t, "literal")
	case 4:
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			parts = append(parts, aValue(t, depth-1))
		}
		return space(t) + "[" + space(t) + strings.Join(parts, ",") + "]" + space(t)
	}
	for range rapid.IntRange(0, 4).Draw(t, "members") {
		parts = append(parts, space(t)+aName(t)+space(t)+":"+aValue(t, depth-1))
	}
	return "{" + strings.Join(parts, ",") + space(t) + "}"
}
