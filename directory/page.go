package directory

// Page says which piece of a list is wanted. Lists go by key, so what comes or goes meanwhile neither repeats nor hides others.
type Page struct {
	// After is what the page before gave as next, and empty for the first.
	After string
	// Limit is how many there are on a page at most, up to 500. Default: 100.
	Limit int
}

const (
	defaultLimit = 100
	maxLimit     = 500
)

func (p Page) limit() int {
	if p.Limit <= 0 {
		return defaultLimit
	}
	return min(p.Limit, maxLimit)
}

// isFull says that there may be more.
func (p Page) isFull(n int) bool { return n == p.limit() }
