package directory

// What an entry takes beside its own bytes, as measured by BenchmarkHeap with entries of each kind: node, place in the table, structs, rounding.
const (
	weightOfEntry = 150
	weightOfUser  = 310
	weightOfOther = 210
)

// weigh estimates the bytes that an entry takes.
func weigh(k key, e *entry) uint32 {
	n := weightOfEntry
	switch v := e.value.(type) {
	case nil:
		n += len(k.a) + len(k.b)
	case *User:
		n += weightOfUser + v.bytes()
	case *Organization:
		n += weightOfOther + v.bytes()
	case *Membership:
		n += weightOfOther + len(v.ID) + len(v.OrganizationID) + len(v.UserID) + len(v.Role) + len(v.RoleName) + len(v.PublicMetadata) + size(v.Permissions)
	case *Role:
		n += weightOfOther + len(k.a) + len(v.ID) + len(v.Key) + len(v.Name) + len(v.Description) + size(v.Permissions)
	case *EnterpriseConnection:
		n += weightOfOther + len(k.a) + len(v.ID) + len(v.Name) + len(v.OrganizationID) + len(v.Provider) + len(v.Protocol) + size(v.Domains)
	case *holders:
		n += len(k.a)
		for i := range v.list {
			n += weightOfUser + v.list[i].User.bytes()
		}
	case *tenant:
		n += len(k.a) + weightOfOther + v.organization.bytes() + len(v.domain)
	}
	return uint32(n)
}

func size(all []string) int {
	n := 16 * len(all)
	for _, s := range all {
		n += len(s)
	}
	return n
}
