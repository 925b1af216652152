//go:build !torture

package reconcile

import "time"

// How much the long proofs do in every run.
const (
	backfillUsers, backfillOrganizations, backfillMemberships = 2000, 100, 3000
	backfillChanges, backfillRate                             = 300, 400.0
	slowAnswer                                                = 30 * time.Millisecond
	backfillSparse                                            = false
	plantedOfEach                                             = 3
	benchUsers                                                = 20_000
	plantedUsers                                              = 300
)
