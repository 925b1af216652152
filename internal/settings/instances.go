package settings

import (
	"slices"
	"strings"
)

// The variables that name instances.
const (
	envInstance  = "CLERK_INSTANCE"
	envInstances = "CLERK_INSTANCES"
)

// Instances are the Clerk environments that a binary serves, and the names that their settings have.
//
// One instance has plain names (CLERK_WEBHOOK_SIGNING_SECRET), though the suffixed form works too. With several, each setting takes the
// instance as its suffix (CLERK_WEBHOOK_SIGNING_SECRET_STAGING), and a plain one is a problem: no secret may count for two environments
// only because a suffix was forgotten.
type Instances struct {
	// Names in the order given; at least one.
	Names []string
	env   Env
}

// NewInstances takes the values of CLERK_INSTANCE (one name) and CLERK_INSTANCES (a list, which wins).
func NewInstances(env Env, p *Problems, one, several string) Instances {
	names := List(several)
	key := envInstances
	if len(names) == 0 {
		names, key = []string{one}, envInstance
	}
	suffixes := map[string]string{}
	for _, name := range names {
		s := suffix(name)
		switch other, taken := suffixes[s]; {
		case !IsInstance(name):
			p.Add(key, "%q is not %s", name, InstanceForm)
		case s == fileSuffix || strings.HasSuffix(s, fileSuffix):
			p.Add(key, "%q would make %s of a setting, which names a file", name, "<NAME>"+s)
		case taken && other == name:
			p.Add(key, "names %q twice", name)
		case taken:
			p.Add(key, "%q and %q have the same suffix %s", other, name, s)
		}
		suffixes[s] = name
	}
	return Instances{Names: names, env: env}
}

// Secret reads one instance's secret with Env.Secret; key is the variable it came from, or the one that should be set.
func (i Instances) Secret(p *Problems, setting, instance string) (value, key string) {
	key = i.key(p, setting, instance)
	return i.env.Secret(p, key), key
}

// Value reads one instance's setting that is no secret.
func (i Instances) Value(p *Problems, setting, instance string) (value, key string) {
	key = i.key(p, setting, instance)
	return i.env.get(key), key
}

func (i Instances) key(p *Problems, setting, instance string) string {
	suffixed := setting + suffix(instance)
	if len(i.Names) == 1 && !i.set(suffixed) {
		return setting
	}
	if i.set(setting) {
		p.Add(setting, "is set without a suffix: say %s", i.suffixedNames(setting))
	}
	return suffixed
}

func (i Instances) set(name string) bool {
	return i.env.get(name) != "" || i.env.get(name+fileSuffix) != ""
}

func (i Instances) suffixedNames(setting string) string {
	names := make([]string, 0, len(i.Names))
	for _, n := range i.Names {
		names = append(names, setting+suffix(n))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// suffix is the instance as environment variables carry it: staging-eu is _STAGING_EU.
func suffix(instance string) string {
	return "_" + strings.ToUpper(strings.ReplaceAll(instance, "-", "_"))
}

// InstanceForm describes, as a regular expression, the names that IsInstance takes.
const InstanceForm = "[a-z0-9][a-z0-9_-]{0,31}"

// IsInstance keeps to what is the same in a subject, a stream's name, a URL's path and a variable's suffix.
func IsInstance(s string) bool {
	if len(s) == 0 || len(s) > 32 || s[0] == '-' || s[0] == '_' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
