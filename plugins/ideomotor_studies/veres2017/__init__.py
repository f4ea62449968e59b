"""Veres, Moussa & Taylor 2017: from RGB-D pictures to a distribution over three-finger grasps, judged by lifting."""
