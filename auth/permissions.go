package auth

import (
	"errors"
	"iter"
	"math/big"
	"strconv"
	"strings"
)

// How tokens of version 2 tell permissions (https://clerk.com/docs/guides/sessions/session-tokens): fea lists features, each with the
// scopes that it comes from (o: the organization's plan, u: the user's); o.per lists actions; o.fpm has a mask for each feature, in which
// bit j, lowest first, grants action j. System permissions are in no token.
//
// Which features the masks count is told in two ways: Clerk's documentation and Go SDK count all of them, clerk/javascript only those of
// scope o. The two agree when features of the user alone come last, as they do in every published token. Where they may disagree nothing
// is granted.

var errNotMask = errors.New("a mask is no decimal number")

// mask is small unless an organization's features have more than 64 actions.
type mask struct {
	small uint64
	large *big.Int
}

func (m mask) isZero() bool { return m.small == 0 && m.large == nil }

func (m mask) has(bit int) bool {
	if m.large != nil {
		return m.large.Bit(bit) == 1
	}
	return bit < 64 && m.small>>bit&1 == 1
}

func parseMask(text string) (mask, error) {
	if text == "" || strings.Trim(text, "0123456789") != "" { // neither a sign nor an underscore
		return mask{}, errNotMask
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		return mask{small: n}, nil
	}
	n, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return mask{}, errNotMask
	}
	return mask{large: n}, nil
}

// parseMasks appends to list, which may lie on the caller's stack.
func parseMasks(list []mask, text string) ([]mask, error) {
	for item := range strings.SplitSeq(text, ",") {
		m, err := parseMask(strings.TrimSpace(item))
		if err != nil {
			return nil, err
		}
		list = append(list, m)
	}
	return list, nil
}

// parseActions appends to list, which may lie on the caller's stack.
func parseActions(list []string, text string) []string {
	for item := range strings.SplitSeq(text, ",") {
		list = append(list, strings.TrimSpace(item))
	}
	return list
}

// grant is a permission before it is put together.
type grant struct{ feature, action string }

// permissions reads what o.per and o.fpm grant on fea. Nothing is granted where one of the three is missing, or where it is ambiguous what
// they grant.
func (c *masksClaim) permissions(features string) (granted []string, ambiguous bool, err error) {
	if features == "" || c.Actions == "" || c.Masks == "" {
		return nil, false, nil
	}
	var (
		masksOn   [16]mask
		actionsOn [16]string
		grantsOn  [32]grant
	)
	masks, err := parseMasks(masksOn[:0], c.Masks)
	if err != nil {
		return nil, false, err
	}
	actions, grants := parseActions(actionsOn[:0], c.Actions), grantsOn[:0]
	rest, lastOrg, firstUser := masks, -1, -1
	for i, item := range split(features) {
		scope, feature, scoped := strings.Cut(strings.TrimSpace(item), ":")
		if !scoped {
			scope = "" // whose it is nobody knows: not the organization's
		}
		var m mask // a missing one grants nothing, one too many is nobody's
		if len(rest) > 0 {
			m, rest = rest[0], rest[1:]
		}
		switch {
		case strings.Contains(scope, "o"):
			lastOrg = i
			grants = m.grant(grants, feature, actions)
		case firstUser < 0:
			firstUser = i
			fallthrough
		default:
			ambiguous = ambiguous || !m.isZero()
		}
	}
	// A mask for each feature counts all of them. With fewer, a user's feature before an organization's makes the two readings differ.
	if firstUser >= 0 && firstUser < lastOrg && len(masks) <= strings.Count(features, ",") {
		ambiguous = true
	}
	if ambiguous || len(grants) == 0 {
		return nil, ambiguous, nil
	}
	return join(grants), false, nil
}

// grant appends what a mask grants on a feature. Bits beyond the actions mean nothing, and neither does what has no name. No feature makes
// a system permission.
func (m mask) grant(grants []grant, feature string, actions []string) []grant {
	if feature == "" || strings.HasPrefix(feature, "sys_") {
		return grants
	}
	for bit, action := range actions {
		if action != "" && m.has(bit) {
			grants = append(grants, grant{feature, action})
		}
	}
	return grants
}

// split counts the items, unlike strings.SplitSeq.
func split(text string) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		i := 0
		for item := range strings.SplitSeq(text, ",") {
			if !yield(i, item) {
				return
			}
			i++
		}
	}
}

// join makes all permissions in one piece of memory.
func join(grants []grant) []string {
	size := 0
	for _, g := range grants {
		size += g.size()
	}
	var b strings.Builder
	b.Grow(size)
	for _, g := range grants {
		b.WriteString("org:")
		b.WriteString(g.feature)
		b.WriteByte(':')
		b.WriteString(g.action)
	}
	all, permissions := b.String(), make([]string, len(grants))
	for i, g := range grants {
		permissions[i], all = all[:g.size()], all[g.size():]
	}
	return permissions
}

func (g grant) size() int { return len("org::") + len(g.feature) + len(g.action) }

// customOnly leaves out system permissions, which a token of version 1 should not have either.
func customOnly(permissions []string) []string {
	var custom []string
	for _, p := range permissions {
		if p != "" && !strings.HasPrefix(p, "org:sys_") {
			custom = append(custom, p)
		}
	}
	return custom
}
