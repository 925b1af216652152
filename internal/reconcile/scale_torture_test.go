//go:build torture

package reconcile

import "time"

// How much the long proofs do in `make torture`.
const (
	backfillUsers, backfillOrganizations, backfillMemberships = 200_000, 5_000, 400_000
	backfillChanges, backfillRate                             = 20_000, 500.0
	slowAnswer                                                = 20 * time.Millisecond
	backfillSparse                                            = true
	plantedOfEach                                             = 100
	benchUsers                                                = 1_000_000
	plantedUsers                                              = 20_000
)
