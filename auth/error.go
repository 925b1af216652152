package auth

import "errors"

// Code is the reason of a refusal, for programs: it does not change once released. Codes carry no data of the caller and are the values
// of metric labels.
type Code string

// What a request carries.
const (
	CodeTokenMissing   Code = "token_missing"
	CodeTokenConflict  Code = "token_conflict"
	CodeTokenTooLarge  Code = "token_too_large"
	CodeTokenMalformed Code = "token_malformed"
	CodeCrossOrigin    Code = "cross_origin"
)

// What a token's header says. The kinds are those that Clerk signs with the same key as session tokens.
const (
	CodeAlgorithmRefused Code = "algorithm_refused"
	CodeHeaderRefused    Code = "header_refused" // crit: an extension that must be understood
	CodeTemplateToken    Code = "template_token"
	CodeMachineToken     Code = "machine_token"
	CodeOAuthToken       Code = "oauth_token"
	CodeTypeRefused      Code = "type_refused"     // typ, of no kind above
	CodeCategoryRefused  Code = "category_refused" // cat, of no kind above
)

// Who signed it.
const (
	CodeIssuerUnknown    Code = "issuer_unknown"
	CodeKeyMissing       Code = "key_missing" // no kid
	CodeKeyUnknown       Code = "key_unknown"
	CodeKeysUnavailable  Code = "keys_unavailable" // 503: not the token's fault
	CodeSignatureInvalid Code = "signature_invalid"
)

// What a rightly signed token claims.
const (
	CodeClaimsMalformed      Code = "claims_malformed"
	CodeVersionUnknown       Code = "version_unknown"
	CodeExpiryMissing        Code = "expiry_missing"
	CodeIssuedAtMissing      Code = "issued_at_missing"
	CodeTokenExpired         Code = "token_expired"
	CodeTokenNotYetValid     Code = "token_not_yet_valid"
	CodeIssuedInFuture       Code = "issued_in_future"
	CodeLifetimeTooLong      Code = "lifetime_too_long"
	CodeSubjectMissing       Code = "subject_missing"
	CodeSubjectRefused       Code = "subject_refused" // not a user_…
	CodeSessionMissing       Code = "session_missing"
	CodeSessionRefused       Code = "session_refused" // not a sess_…
	CodeSessionPending       Code = "session_pending"
	CodeSessionStatusUnknown Code = "session_status_unknown"
	CodePartyMissing         Code = "party_missing"
	CodePartyUnknown         Code = "party_unknown"
	CodeOrgMalformed         Code = "org_malformed"
	CodePermissionsMalformed Code = "permissions_malformed"
)

// What happened since the token was issued, as a [Revocations] tells it.
const (
	CodeUserDeleted       Code = "user_deleted"
	CodeUserBanned        Code = "user_banned"
	CodeUserLocked        Code = "user_locked"
	CodeUserDeprovisioned Code = "user_deprovisioned"
	CodeSessionEnded      Code = "session_ended"
	CodeOrgDeleted        Code = "org_deleted"
	CodeMembershipRemoved Code = "membership_removed"
	CodeRoleChanged       Code = "role_changed"
	CodeTokenOutdated     Code = "token_outdated"    // a refreshed token may be accepted
	CodeFreshnessUnknown  Code = "freshness_unknown" // 503
)

// What the caller may not do. 403, for a new token of the same session changes nothing.
const (
	CodeOrgRequired            Code = "org_required"
	CodeRoleRequired           Code = "role_required"
	CodePermissionRequired     Code = "permission_required"
	CodeFreshRequired          Code = "fresh_required"
	CodePermissionsUnavailable Code = "permissions_unavailable" // 503: the PermissionReader failed
)

// CodeInternal is any error that is no [Error].
const CodeInternal Code = "internal_error"

// Error is a refusal. Its text is the code alone, safe to show to the caller; the cause is for the log only.
type Error struct {
	Code   Code
	Status int // of the HTTP answer
	cause  error
	// stepUp is what RequireFresh asked for, or nil.
	stepUp *stepUp
}

// Refuse returns a refusal with the code's own status. A nil cause is fine. A code of the caller's own making is 401.
func Refuse(code Code, cause error) *Error {
	return &Error{Code: code, Status: statusOf(code), cause: cause}
}

// Error is the code.
func (e *Error) Error() string { return string(e.Code) }

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.cause }

// Is makes two refusals with the same code equal, so that errors.Is(err, auth.Refuse(auth.CodeTokenExpired, nil)) works.
func (e *Error) Is(target error) bool {
	other, ok := target.(*Error)
	return ok && other.Code == e.Code
}

// CodeOf returns the code of a refusal, empty for nil, and CodeInternal for any other error.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}
