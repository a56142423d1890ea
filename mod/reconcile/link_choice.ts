/**
 * On which links of a node a VIP is answered, from what its agent published.
 *
 * @module
 */
