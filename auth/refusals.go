package auth

import "net/http"

// refusals says of each code how it is answered and what the caller is told in words. What is not listed is 401: most refusals are cured
// by a better token.
var refusals = map[Code]struct {
	status int
	detail string
}{
	CodeTokenMissing: {http.StatusUnauthorized, "The request carries no token."},
	// RFC 6750, 3.1: more than one method for including a token is an invalid request.
	CodeTokenConflict:  {http.StatusBadRequest, "The request carries tokens that do not agree on who is calling."},
	CodeTokenTooLarge:  {http.StatusUnauthorized, "The token is longer than any session token."},
	CodeTokenMalformed: {http.StatusUnauthorized, "The token is not a JSON Web Token in compact form."},
	CodeCrossOrigin:    {http.StatusForbidden, "A cookie does not authorize a request from another origin."},

	CodeAlgorithmRefused: {http.StatusUnauthorized, "The token is not signed with an accepted algorithm."},
	CodeHeaderRefused:    {http.StatusUnauthorized, "The token's header asks for an extension."},
	CodeTemplateToken:    {http.StatusUnauthorized, "The token was made from a template and is no session token."},
	CodeMachineToken:     {http.StatusUnauthorized, "The token is a machine's and no session token."},
	CodeOAuthToken:       {http.StatusUnauthorized, "The token is an OAuth access token and no session token."},
	CodeTypeRefused:      {http.StatusUnauthorized, "The token is of an unknown type."},
	CodeCategoryRefused:  {http.StatusUnauthorized, "The token is of an unknown category."},

	CodeIssuerUnknown:    {http.StatusUnauthorized, "The token is from another issuer."},
	CodeKeyMissing:       {http.StatusUnauthorized, "The token names no key."},
	CodeKeyUnknown:       {http.StatusUnauthorized, "The token names a key that its issuer does not have."},
	CodeKeysUnavailable:  {http.StatusServiceUnavailable, "The issuer's keys cannot be had at the moment."},
	CodeSignatureInvalid: {http.StatusUnauthorized, "The token's signature does not fit."},

	CodeClaimsMalformed:      {http.StatusUnauthorized, "The token's claims are malformed."},
	CodeVersionUnknown:       {http.StatusUnauthorized, "The token is of an unknown version."},
	CodeExpiryMissing:        {http.StatusUnauthorized, "The token never expires."},
	CodeIssuedAtMissing:      {http.StatusUnauthorized, "The token does not say when it was issued."},
	CodeTokenExpired:         {http.StatusUnauthorized, "The token has expired."},
	CodeTokenNotYetValid:     {http.StatusUnauthorized, "The token is not valid yet."},
	CodeIssuedInFuture:       {http.StatusUnauthorized, "The token was issued in the future."},
	CodeLifetimeTooLong:      {http.StatusUnauthorized, "The token lives longer than session tokens may."},
	CodeSubjectMissing:       {http.StatusUnauthorized, "The token names no user."},
	CodeSubjectRefused:       {http.StatusUnauthorized, "The token speaks for something that is no user."},
	CodeSessionMissing:       {http.StatusUnauthorized, "The token names no session."},
	CodeSessionRefused:       {http.StatusUnauthorized, "The token names something that is no session."},
	CodeSessionPending:       {http.StatusUnauthorized, "The session is pending: tasks are open before the user is signed in."},
	CodeSessionStatusUnknown: {http.StatusUnauthorized, "The session is in an unknown state."},
	CodePartyMissing:         {http.StatusUnauthorized, "The token does not say which origin asked for it."},
	CodePartyUnknown:         {http.StatusUnauthorized, "The token was made for another origin."},
	CodeOrgMalformed:         {http.StatusUnauthorized, "The token's organization is malformed."},
	CodePermissionsMalformed: {http.StatusUnauthorized, "The token's permissions are malformed."},

	CodeUserDeleted:       {http.StatusUnauthorized, "The user is deleted."},
	CodeUserBanned:        {http.StatusUnauthorized, "The user is banned."},
	CodeUserLocked:        {http.StatusUnauthorized, "The user is locked."},
	CodeUserDeprovisioned: {http.StatusUnauthorized, "The user was removed by the identity provider."},
	CodeSessionEnded:      {http.StatusUnauthorized, "The session has ended."},
	CodeOrgDeleted:        {http.StatusUnauthorized, "The organization is deleted."},
	CodeMembershipRemoved: {http.StatusUnauthorized, "The user is no longer a member of the organization."},
	CodeRoleChanged:       {http.StatusUnauthorized, "The user's role has changed since the token was issued."},
	CodeTokenOutdated:     {http.StatusUnauthorized, "The token is older than what is known; refresh it."},
	CodeFreshnessUnknown:  {http.StatusServiceUnavailable, "Whether the token still holds cannot be told at the moment."},

	CodeOrgRequired:            {http.StatusForbidden, "An active organization is required."},
	CodeRoleRequired:           {http.StatusForbidden, "The role in the organization does not allow this."},
	CodePermissionRequired:     {http.StatusForbidden, "A permission in the organization is required."},
	CodeFreshRequired:          {http.StatusForbidden, "The user must verify again who they are."},
	CodePermissionsUnavailable: {http.StatusServiceUnavailable, "Permissions cannot be looked up at the moment."},

	CodeInternal: {http.StatusInternalServerError, "Something went wrong on our side."},
}

func statusOf(code Code) int {
	if r, ok := refusals[code]; ok {
		return r.status
	}
	return http.StatusUnauthorized
}
