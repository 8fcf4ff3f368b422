/** What the shop sells on its first day. */
export const products = [
  {
    id: 'storm-lantern',
    name: 'Storm lantern',
    description: 'Brass, burns for 20 hours in any wind.',
    cents: 6_900,
    stock: 40,
  },
  {
    id: 'hemp-rope',
    name: 'Hemp rope, 30 m',
    description: 'Three strands, tarred, floats for a while.',
    cents: 4_450,
    stock: 120,
  },
  {
    id: 'oilskin',
    name: 'Oilskin jacket',
    description: 'Waxed cotton, taped seams, six pockets.',
    cents: 18_900,
    stock: 25,
  },
  {
    id: 'sextant',
    name: 'Sextant',
    description: 'Reads to half a minute of arc, in its box.',
    cents: 42_000,
    stock: 6,
  },
  {
    id: 'ships-bell',
    name: "Ship's bell",
    description: 'Cast bronze, heard across a harbour.',
    cents: 9_800,
    stock: 18,
  },
  {
    id: 'compass',
    name: 'Hand-bearing compass',
    description: 'Damped, readable at night, floats.',
    cents: 7_650,
    stock: 60,
  },
  {
    id: 'tide-tables',
    name: 'Tide tables & almanac',
    description: 'All ports of the <North Sea>, this year.',
    cents: 2_990,
    stock: 200,
  },
  {
    id: 'barometer',
    name: 'Barometer',
    description: 'Aneroid, falls before you hear the wind.',
    cents: 11_500,
    stock: 14,
  },
  {
    id: 'last-chart',
    name: 'Chart of 1876',
    description: 'An original, with the load lines of that year.',
    cents: 36_000,
    stock: 1,
  },
] as const

/** Who can log in at first. Passwords in a repository are for an example only. */
export const users = [
  { name: 'ada', password: 'anchor and rope' },
  { name: 'samuel', password: 'mark on the hull' },
] as const
