package clerksim

import (
	"math/big"
	"slices"
	"strings"
)

// grants are the keys of the custom permissions that the role holds now, in order. System permissions are never in tokens, and a role that was
// deleted holds nothing, whatever its holders' memberships still show.
func (w *World) grants(key string) []string {
	keys := []string{}
	for _, r := range w.roles.items {
		if r.key != key {
			continue
		}
		for _, p := range r.held {
			if w.permissions.has(p) {
				keys = append(keys, p.key)
			}
		}
	}
	slices.Sort(keys)
	return keys
}

// vocabulary is every feature and action of the instance's custom permissions, each once and in order.
func (w *World) vocabulary() (features, actions []string) {
	for _, p := range w.permissions.items {
		feature, action := splitPermission(p.key)
		features, actions = append(features, feature), append(actions, action)
	}
	slices.Sort(features)
	slices.Sort(actions)
	return slices.Compact(features), slices.Compact(actions)
}

// splitPermission takes org:feature:action apart.
func splitPermission(key string) (feature, action string) {
	feature, action, _ = strings.Cut(strings.TrimPrefix(key, "org:"), ":")
	return feature, action
}

// claimsV1 is the flat form that Clerk deprecated on 2025-04-14.
func (b bearer) claimsV1(w *World) map[string]any {
	if b.membership == nil {
		return nil
	}
	claims := map[string]any{"org_id": b.membership.org.id, "org_role": b.membership.role, "org_permissions": w.grants(b.membership.role)}
	if b.membership.org.slug != "" {
		claims["org_slug"] = b.membership.org.slug
	}
	return claims
}

// claimsV2 tells permissions as a matrix: fea × per, of which each mask in o.fpm is a row, lowest bit first.
func (b bearer) claimsV2(w *World) map[string]any {
	claims := map[string]any{"v": 2, "jti": randomHex(10), "pla": b.plan()}
	var features []string
	if b.membership != nil {
		var actions []string
		features, actions = w.vocabulary()
		claims["o"] = b.organizationClaim(w, features, actions)
	}
	list := make([]string, 0, len(features)+1)
	for i, f := range features {
		scope := "o:"
		if i == 0 && b.paid() { // both of the organization's plan and of the user's own
			scope = "ou:"
		}
		list = append(list, scope+f)
	}
	if b.paid() {
		list = append(list, "u:priority_support")
	}
	if len(list) > 0 {
		claims["fea"] = strings.Join(list, ",")
	}
	return claims
}

func (b bearer) organizationClaim(w *World, features, actions []string) map[string]any {
	o := map[string]any{"id": b.membership.org.id, "rol": strings.TrimPrefix(b.membership.role, "org:")}
	if b.membership.org.slug != "" {
		o["slg"] = b.membership.org.slug
	}
	if len(features) == 0 {
		return o
	}
	masks := make([]*big.Int, len(features))
	for i := range masks {
		masks[i] = new(big.Int)
	}
	for _, key := range w.grants(b.membership.role) {
		feature, action := splitPermission(key)
		i, _ := slices.BinarySearch(features, feature)
		bit, _ := slices.BinarySearch(actions, action)
		masks[i].SetBit(masks[i], bit, 1)
	}
	texts := make([]string, len(masks), len(masks)+1)
	for i, m := range masks {
		texts[i] = m.String()
	}
	if b.paid() {
		texts = append(texts, "0") // the user's own feature, which no organization's permission is about
	}
	o["per"], o["fpm"] = strings.Join(actions, ","), strings.Join(texts, ",")
	return o
}

// plan is the active payer's: the organization's, else the user's own.
func (b bearer) plan() string {
	if b.membership != nil {
		return "o:" + planSlug(b.membership.org.subs, "free_org")
	}
	return "u:" + planSlug(b.user.subscription, "free_user")
}

func planSlug(s *subscription, otherwise string) string {
	if s == nil || s.paid == nil {
		return otherwise
	}
	return s.paid.plan.slug
}

// paid is whether the user has a plan of their own that costs something.
func (b bearer) paid() bool { return b.user.subscription != nil && b.user.subscription.paid != nil }
