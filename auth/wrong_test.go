package auth_test

import (
	"slices"
	"testing"

	"github.com/clerkstream/clerkstream/auth"
	"github.com/clerkstream/clerkstream/internal/clerksim"
)

// wrong says with which code each of the simulator's wrong tokens is refused.
var wrong = map[string]auth.Code{
	"issuer-other":    auth.CodeIssuerUnknown,
	"issuer-slash":    auth.CodeIssuerUnknown,
	"issuer-path":     auth.CodeIssuerUnknown,
	"issuer-scheme":   auth.CodeIssuerUnknown,
	"issuer-upper":    auth.CodeIssuerUnknown,
	"issuer-suffix":   auth.CodeIssuerUnknown,
	"issuer-prefix":   auth.CodeIssuerUnknown,
	"issuer-userinfo": auth.CodeIssuerUnknown,
	"issuer-space":    auth.CodeIssuerUnknown,
	"issuer-empty":    auth.CodeIssuerUnknown,
	"issuer-missing":  auth.CodeIssuerUnknown,
	"issuer-number":   auth.CodeTokenMalformed,
	"issuer-list":     auth.CodeTokenMalformed,

	"key-of-other-instance": auth.CodeSignatureInvalid,
	"key-unknown":           auth.CodeKeyUnknown,
	"kid-unknown":           auth.CodeKeyUnknown,
	"kid-path":              auth.CodeKeyUnknown,
	"kid-missing":           auth.CodeKeyMissing,
	"kid-empty":             auth.CodeKeyMissing,
	"kid-number":            auth.CodeTokenMalformed,
	"jwk-embedded":          auth.CodeSignatureInvalid,
	"jku":                   auth.CodeSignatureInvalid,
	"x5u":                   auth.CodeSignatureInvalid,

	"alg-none":          auth.CodeAlgorithmRefused,
	"alg-none-title":    auth.CodeAlgorithmRefused,
	"alg-none-mixed":    auth.CodeAlgorithmRefused,
	"alg-none-signed":   auth.CodeAlgorithmRefused,
	"alg-hs256-pem":     auth.CodeAlgorithmRefused,
	"alg-hs256-der":     auth.CodeAlgorithmRefused,
	"alg-hs256-modulus": auth.CodeAlgorithmRefused,
	"alg-hs256-empty":   auth.CodeAlgorithmRefused,
	"alg-es256":         auth.CodeAlgorithmRefused,
	"alg-ps256":         auth.CodeAlgorithmRefused,
	"alg-rs512":         auth.CodeAlgorithmRefused,
	"alg-rs1":           auth.CodeAlgorithmRefused,
	"alg-lower":         auth.CodeAlgorithmRefused,
	"alg-empty":         auth.CodeAlgorithmRefused,
	"alg-missing":       auth.CodeAlgorithmRefused,
	"alg-number":        auth.CodeTokenMalformed,

	"crit":        auth.CodeHeaderRefused,
	"crit-empty":  auth.CodeHeaderRefused,
	"b64-false":   auth.CodeHeaderRefused,
	"typ-number":  auth.CodeTypeRefused,
	"typ-unknown": auth.CodeTypeRefused,
	"cat-number":  auth.CodeCategoryRefused,
	"cat-unknown": auth.CodeCategoryRefused,

	"template":             auth.CodeTemplateToken,
	"machine":              auth.CodeMachineToken,
	"machine-subject":      auth.CodeMachineToken,
	"oauth":                auth.CodeOAuthToken,
	"oauth-long":           auth.CodeOAuthToken,
	"subject-organization": auth.CodeSubjectRefused,

	"expired":          auth.CodeTokenExpired,
	"exp-before-iat":   auth.CodeTokenExpired,
	"not-yet":          auth.CodeTokenNotYetValid,
	"issued-in-future": auth.CodeIssuedInFuture,
	"exp-missing":      auth.CodeExpiryMissing,
	"exp-null":         auth.CodeExpiryMissing,
	"exp-text":         auth.CodeClaimsMalformed,
	"exp-huge":         auth.CodeClaimsMalformed,
	"exp-negative":     auth.CodeClaimsMalformed,
	"exp-millis":       auth.CodeLifetimeTooLong,
	"lifetime":         auth.CodeLifetimeTooLong,
	"iat-missing":      auth.CodeIssuedAtMissing,
	"iat-text":         auth.CodeClaimsMalformed,
	"nbf-text":         auth.CodeClaimsMalformed,

	"subject-missing": auth.CodeSubjectMissing,
	"subject-empty":   auth.CodeSubjectMissing,
	"subject-bare":    auth.CodeSubjectRefused,
	"subject-client":  auth.CodeSubjectRefused,
	"subject-number":  auth.CodeClaimsMalformed,
	"session-missing": auth.CodeSessionMissing,
	"session-empty":   auth.CodeSessionMissing,
	"session-other":   auth.CodeSessionRefused,
	"session-number":  auth.CodeClaimsMalformed,
	"pending":         auth.CodeSessionPending,
	"status-unknown":  auth.CodeSessionStatusUnknown,
	"status-number":   auth.CodeClaimsMalformed,
	"actor-text":      auth.CodeClaimsMalformed,

	"party-other":   auth.CodePartyUnknown,
	"party-suffix":  auth.CodePartyUnknown,
	"party-slash":   auth.CodePartyUnknown,
	"party-list":    auth.CodeClaimsMalformed,
	"party-number":  auth.CodeClaimsMalformed,
	"party-missing": auth.CodePartyMissing,

	"version-3":             auth.CodeVersionUnknown,
	"version-text":          auth.CodeVersionUnknown,
	"version-fraction":      auth.CodeVersionUnknown,
	"org-text":              auth.CodeOrgMalformed,
	"org-list":              auth.CodeOrgMalformed,
	"org-id-missing":        auth.CodeOrgMalformed,
	"org-id-empty":          auth.CodeOrgMalformed,
	"org-id-other":          auth.CodeOrgMalformed,
	"org-id-number":         auth.CodeOrgMalformed,
	"org-role-number":       auth.CodeOrgMalformed,
	"org-twice":             auth.CodeOrgMalformed,
	"v1-org-number":         auth.CodeOrgMalformed,
	"v1-org-other":          auth.CodeOrgMalformed,
	"v1-permissions-text":   auth.CodePermissionsMalformed,
	"v1-permissions-number": auth.CodePermissionsMalformed,

	"empty":          auth.CodeTokenMalformed,
	"dots":           auth.CodeAlgorithmRefused,
	"words":          auth.CodeTokenMalformed,
	"one-part":       auth.CodeTokenMalformed,
	"two-parts":      auth.CodeTokenMalformed,
	"four-parts":     auth.CodeTokenMalformed,
	"five-parts":     auth.CodeTokenMalformed,
	"trailing-dot":   auth.CodeTokenMalformed,
	"json-form":      auth.CodeTokenMalformed,
	"space-before":   auth.CodeTokenMalformed,
	"newline-behind": auth.CodeTokenMalformed,
	"space-within":   auth.CodeTokenMalformed,
	"nul-behind":     auth.CodeTokenMalformed,
	"bearer-twice":   auth.CodeTokenMalformed,
	"twice":          auth.CodeTokenMalformed,
	"quoted":         auth.CodeTokenMalformed,
	"reversed":       auth.CodeTokenMalformed,

	"header-empty":         auth.CodeAlgorithmRefused,
	"header-truncated":     auth.CodeTokenMalformed,
	"payload-empty":        auth.CodeTokenMalformed,
	"payload-truncated":    auth.CodeTokenMalformed,
	"payload-changed":      auth.CodeSignatureInvalid,
	"signature-empty":      auth.CodeSignatureInvalid,
	"signature-truncated":  auth.CodeTokenMalformed,
	"signature-longer":     auth.CodeSignatureInvalid,
	"signature-garbage":    auth.CodeSignatureInvalid,
	"signature-flipped":    auth.CodeSignatureInvalid,
	"header-not-base64":    auth.CodeTokenMalformed,
	"payload-not-base64":   auth.CodeTokenMalformed,
	"signature-not-base64": auth.CodeTokenMalformed,
	"signature-padded":     auth.CodeTokenMalformed,
	"header-plain":         auth.CodeTokenMalformed,

	"claims-list":              auth.CodeTokenMalformed,
	"claims-null":              auth.CodeTokenMalformed,
	"claims-text":              auth.CodeTokenMalformed,
	"claims-broken":            auth.CodeTokenMalformed,
	"claims-more":              auth.CodeTokenMalformed,
	"claims-duplicate":         auth.CodeClaimsMalformed,
	"claims-duplicate-escaped": auth.CodeClaimsMalformed,
	"claims-duplicate-first":   auth.CodeClaimsMalformed,
	"claims-encoding":          auth.CodeClaimsMalformed,
	"claims-deep":              auth.CodeTokenTooLarge,
	"claims-huge":              auth.CodeTokenTooLarge,
	"claims-many":              auth.CodeTokenTooLarge,
	"header-list":              auth.CodeTokenMalformed,
	"header-null":              auth.CodeAlgorithmRefused,
	"header-broken":            auth.CodeTokenMalformed,
	"header-duplicate":         auth.CodeTokenMalformed,
	"header-huge":              auth.CodeTokenTooLarge,

	"negative":   auth.CodePermissionsMalformed,
	"plus":       auth.CodePermissionsMalformed,
	"hex":        auth.CodePermissionsMalformed,
	"underscore": auth.CodePermissionsMalformed,
	"fraction":   auth.CodePermissionsMalformed,
	"exponent":   auth.CodePermissionsMalformed,
	"letters":    auth.CodePermissionsMalformed,
	"arabic":     auth.CodePermissionsMalformed,
	"gap":        auth.CodePermissionsMalformed,
}

// Every wrong token is refused, each for its own reason, and the same token without its one fault is accepted by the same verifier.
func TestWrongTokensAreRefusedEachForItsReason(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	lenient := b.verifier(t)
	strict := b.verifier(t, func(cfg *auth.Config) { cfg.AllowMissingParty = false })
	good := b.token(t, clerksim.TokenSpec{Org: clerksim.AnyOrg})

	tokens := clerksim.WrongTokens()
	if len(tokens) < 60 {
		t.Fatalf("%d wrong tokens, fewer than 60", len(tokens))
	}
	reached := map[auth.Code]bool{}
	for _, w := range tokens {
		want, ok := wrong[w.Name]
		if !ok {
			t.Errorf("%s (%s): nobody says how it is refused", w.Name, w.Why)
			continue
		}
		reached[want] = true
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			want, token := want, w.Mint(b.Clerk)
			if w.Name == "signature-truncated" && auth.IsCanonical(token) {
				want = auth.CodeSignatureInvalid // one in sixteen breaks off where a signature could end
			}
			v := lenient
			if w.Strict {
				v = strict
				accept(t, lenient, token) // its one fault is none here
			}
			refuse(t, v, token, want)
			accept(t, v, good)
		})
	}
	for _, code := range auth.TokenCodes() { //nolint:paralleltest // no subtests
		if !reached[code] && code != auth.CodeKeysUnavailable { // which is no token's fault
			t.Errorf("no wrong token is refused with %s", code)
		}
	}
}

// What is merely odd is accepted, and grants no more than can be read.
func TestOddGrantsGrantWhatCanBeRead(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	v := b.verifier(t)
	for _, odd := range clerksim.OddGrants() {
		t.Run(odd.Name, func(t *testing.T) {
			t.Parallel()
			id := accept(t, v, odd.Mint(b.Clerk))
			got, want := slices.Sorted(slices.Values(id.Permissions)), slices.Sorted(slices.Values(odd.Permissions))
			if !slices.Equal(got, want) {
				t.Errorf("%s: granted %q, want %q", odd.Why, got, want)
			}
		})
	}
}
