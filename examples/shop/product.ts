import { z } from 'zod'

/** What the shop sells. */
export const Product = z.object({
  id: z.string(),
  name: z.string(),
  description: z.string(),
  category: z.string(),
  image: z.string(),
  tags: z.array(z.string()),
  price: z.object({ cents: z.int().nonnegative(), currency: z.string() }),
  stock: z.object({ available: z.int(), warehouse: z.string() }),
  rating: z.object({ average: z.number(), votes: z.int() }),
  dimensions: z.object({ widthMm: z.int(), heightMm: z.int(), weightGrams: z.int() }),
  updatedAt: z.iso.datetime(),
})

export type Product = z.infer<typeof Product>
