package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// What Clerk puts into the header cat (clerk/javascript, packages/backend/src/tokens). Older session tokens have none.
const (
	categorySession  = "cl_B7d4PD111AAA"
	categoryTemplate = "cl_B7d4PD222AAA"
	categoryMachine  = "cl_B7d4PD333AAA"
)

// checkKind refuses by its header what Clerk signs with the same key and is no session token.
func (t compact) checkKind() error {
	typ, ok := t.text("typ")
	switch {
	case !ok:
		return Refuse(CodeTypeRefused, errors.New("typ is no text"))
	case typ == "at+jwt" || typ == "application/at+jwt": // RFC 9068, 2.1
		return Refuse(CodeOAuthToken, nil)
	case typ != "" && typ != "JWT":
		return Refuse(CodeTypeRefused, fmt.Errorf("typ %.16q", typ))
	}
	switch cat, ok := t.text("cat"); {
	case !ok:
		return Refuse(CodeCategoryRefused, errors.New("cat is no text"))
	case cat == "" || cat == categorySession:
		return nil
	case cat == categoryTemplate:
		return Refuse(CodeTemplateToken, nil)
	case cat == categoryMachine:
		return Refuse(CodeMachineToken, nil)
	default:
		return Refuse(CodeCategoryRefused, fmt.Errorf("cat %.16q", cat))
	}
}

// checkKindOfClaims refuses what the header did not give away.
func checkKindOfClaims(c *claims) error {
	switch {
	case c.Subject == "":
		return Refuse(CodeSubjectMissing, nil)
	case strings.HasPrefix(c.Subject, "mch_"):
		return Refuse(CodeMachineToken, nil)
	case !isID(c.Subject, "user_"):
		return Refuse(CodeSubjectRefused, nil)
	case c.Session == "":
		return Refuse(CodeSessionMissing, nil)
	case !isID(c.Session, "sess_"):
		return Refuse(CodeSessionRefused, nil)
	default:
		return nil
	}
}

// maxIDBytes is several times the length of Clerk's ids.
const maxIDBytes = 255

// isID also keeps out what would mean something else in a log, a header or a database.
func isID(text, prefix string) bool {
	if len(text) <= len(prefix) || len(text) > maxIDBytes || text[:len(prefix)] != prefix {
		return false
	}
	for i := len(prefix); i < len(text); i++ {
		switch b := text[i]; {
		case '0' <= b && b <= '9', 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', b == '_', b == '-':
		default:
			return false
		}
	}
	return true
}

// maxSeconds is the year 10889. Beyond, arithmetic on times would have to mind overflow.
const maxSeconds = 1 << 48

func (v *Verifier) checkTimes(c *claims) error {
	for _, seconds := range []int64{c.Expires, c.NotBefore, c.IssuedAt} {
		if seconds < 0 || seconds > maxSeconds {
			return Refuse(CodeClaimsMalformed, errors.New("a time is out of range"))
		}
	}
	now := v.cfg.Now()
	early, late := now.Add(-v.cfg.Leeway), now.Add(v.cfg.Leeway)
	expires, issued := time.Unix(c.Expires, 0), time.Unix(c.IssuedAt, 0)
	switch {
	case c.Expires == 0:
		return Refuse(CodeExpiryMissing, nil)
	case c.IssuedAt == 0:
		return Refuse(CodeIssuedAtMissing, nil)
	case !expires.After(early):
		return Refuse(CodeTokenExpired, nil)
	case issued.After(late):
		return Refuse(CodeIssuedInFuture, nil)
	case time.Unix(c.NotBefore, 0).After(late):
		return Refuse(CodeTokenNotYetValid, nil)
	case expires.Sub(issued) > v.cfg.MaxLifetime:
		return Refuse(CodeLifetimeTooLong, nil)
	default:
		return nil
	}
}

func (v *Verifier) checkParty(c *claims) error {
	switch {
	case c.Party == "" && !v.cfg.AllowMissingParty:
		return Refuse(CodePartyMissing, nil)
	case c.Party != "" && !slices.Contains(v.cfg.AuthorizedParties, c.Party):
		return Refuse(CodePartyUnknown, nil)
	default:
		return nil
	}
}

// checkStatus: a pending session has tasks open, such as choosing an organization, and counts as signed out.
func checkStatus(c *claims) error {
	switch c.Status {
	case "", "active":
		return nil
	case "pending":
		return Refuse(CodeSessionPending, nil)
	default:
		return Refuse(CodeSessionStatusUnknown, fmt.Errorf("sts %.16q", c.Status))
	}
}
