package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/clerkstream/clerkstream/auth"
)

// Open is the part of the way that auth/forward shares: form, algorithm and signature, and no claims.
func TestOpenChecksTheSignatureAndNoClaims(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	keys := b.staticKeys(t)
	token := b.Sign(map[string]any{"typ": "x+jwt"}, map[string]any{"exp": 1})
	opened, err := keys.Open(t.Context(), token)
	if err != nil || opened.Type != "x+jwt" || opened.KeyID != kid || string(opened.Payload) != `{"exp":1}` {
		t.Errorf("opened %+v, %v", opened, err)
	}
	for text, want := range map[string]auth.Code{
		strings.Replace(token, ".", ".A", 1):                                 auth.CodeTokenMalformed,
		b.Sign(map[string]any{"typ": 1}, nil):                                auth.CodeTypeRefused,
		b.Sign(map[string]any{"kid": "other"}, nil):                          auth.CodeKeyUnknown,
		b.Sign(nil, map[string]any{"x": strings.Repeat("x", 8<<10)}):         auth.CodeTokenTooLarge,
		token[:len(token)-4] + "AAAA":                                        auth.CodeSignatureInvalid,
		b.Sign(map[string]any{"alg": "HS256", "kid": kid}, nil):              auth.CodeAlgorithmRefused,
		b.Sign(map[string]any{"b64": false, "crit": []string{"b64"}}, nil):   auth.CodeHeaderRefused,
		fmt.Sprintf("%s\n", token):                                           auth.CodeTokenMalformed,
		b.Sign(map[string]any{"alg": "RS256", "kid": "", "typ": "JWT"}, nil): auth.CodeKeyMissing,
	} {
		if _, err := keys.Open(t.Context(), text); auth.CodeOf(err) != want {
			t.Errorf("refused with %v, want %s", err, want)
		}
	}
}
