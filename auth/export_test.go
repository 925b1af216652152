package auth

// TokenCodes are those that Verify itself refuses a token with.
func TokenCodes() []Code {
	return []Code{
		CodeTokenTooLarge, CodeTokenMalformed, CodeAlgorithmRefused, CodeHeaderRefused, CodeTemplateToken, CodeMachineToken, CodeOAuthToken,
		CodeTypeRefused, CodeCategoryRefused, CodeIssuerUnknown, CodeKeyMissing, CodeKeyUnknown, CodeKeysUnavailable, CodeSignatureInvalid,
		CodeClaimsMalformed, CodeVersionUnknown, CodeExpiryMissing, CodeIssuedAtMissing, CodeTokenExpired, CodeTokenNotYetValid,
		CodeIssuedInFuture, CodeLifetimeTooLong, CodeSubjectMissing, CodeSubjectRefused, CodeSessionMissing, CodeSessionRefused,
		CodeSessionPending, CodeSessionStatusUnknown, CodePartyMissing, CodePartyUnknown, CodeOrgMalformed, CodePermissionsMalformed,
	}
}

// Codes are all that the package knows.
func Codes() []Code {
	var codes []Code
	for code := range refusals {
		codes = append(codes, code)
	}
	return codes
}

// IsCanonical tells whether a token is written in the one way that is accepted.
var IsCanonical = isCanonical
